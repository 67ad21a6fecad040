import { describe, expect, test } from '@jest/globals'
import { basicCredentials, hashSecret, login, newSecret } from '../../src/api/login.ts'
import { SECRET, testAccount, testContext } from '../support/context.ts'

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

describe('secrets', () => {
  test('are 256 random bits that survive a URL, and differ', () => {
    const secrets = new Set(Array.from({ length: 100 }, newSecret))
    expect(secrets.size).toBe(100)
    for (const secret of secrets) expect(secret).toMatch(/^[\w-]{43}$/)
  })

  test('are kept as SHA-256', () => {
    expect(hashSecret('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  })
})

describe('the Authorization header', () => {
  test.each([
    ['Basic YTpi', { user: 'a', secret: 'b' }],
    ['BasicYTpi', { user: 'a', secret: 'b' }],
    ['basic   YTpi', { user: 'a', secret: 'b' }],
    [basic('a:b:c'), { user: 'a', secret: 'b:c' }],
    [basic('a:'), { user: 'a', secret: '' }],
    [basic('ä:ö'), { user: 'ä', secret: 'ö' }],
  ])('%s', (header, credentials) => expect(basicCredentials(header)).toEqual(credentials))

  test.each([
    undefined,
    '',
    'Basic',
    'Basic ',
    'Bearer YTpi',
    'Basic YTpi YTpi',
    'Basic YTpi,',
    basic('a'),
    basic(':b'),
    `Basic ${'A'.repeat(3_000)}`,
  ])('%s is none', (header) => expect(basicCredentials(header)).toBeUndefined())
})

describe('logging in', () => {
  test('only with the right secret, and what is stored is no secret', async () => {
    const ctx = testContext()
    const account = await testAccount(ctx)
    expect(await login(ctx.store, 'greenpin', basic(`acme:${SECRET}`))).toEqual(account)
    for (const wrong of ['', 'Token', `${SECRET} `, hashSecret(SECRET)]) {
      expect(await login(ctx.store, 'greenpin', basic(`acme:${wrong}`))).toBeUndefined()
    }
    expect(await login(ctx.store, 'greenpin', basic(`nobody:${SECRET}`))).toBeUndefined()
  })

  test('a damaged hash in the store opens to nobody', async () => {
    const account = await testAccount(testContext())
    const store = { findLogin: () => Promise.resolve({ account, secretHash: '' }) }
    expect(await login(store, 'greenpin', basic('acme:'))).toBeUndefined()
  })
})
