import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { STRANGER } from '../../support/context.ts'
import { type Door, openDoor } from '../door.ts'
import { clientOf, type Parameters, use } from './client.ts'

const OTHER = '+919812345679'

let door: Door
beforeEach(async () => {
  door = await openDoor()
})
afterEach(() => door.close())

/** What curl, the program, makes of it: exit status 0, the HTTP status and the body. */
async function curl(...args: string[]): Promise<{ status: number; body: string }> {
  const { stdout } = await promisify(execFile)('curl', [
    '--silent',
    '--show-error',
    '-w',
    '\n%{http_code}',
    ...args,
  ])
  const at = stdout.lastIndexOf('\n')
  return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) }
}

const address = () => `${door.url}/simple-pins/`
const sample = () => `${address()}?uid=acme&token=token`
const ask = (parameters: Parameters) => curl(clientOf(door).url(parameters))
const done = { status: 200, body: '' }

/** Adds parameters to the sample address as a client would who escapes nothing but spaces. */
const written = (more: string) => curl(`${sample()}&${more}`)

describe('the address', () => {
  test('is the page\'s with another base: "http://api.stealthnet.net/simple-pins/?uid=X&token=Y"', async () => {
    expect(await written('action=download-dbs')).toEqual(done)
  })

  test('works without the last slash', async () => {
    expect(await curl(`${door.url}/simple-pins?uid=acme&token=token&action=download-dbs`)).toEqual(done)
  })

  test('takes the same parameters by POST, in a form, in the query, or some here and some there', async () => {
    const form = 'action=write-pins&start-pin=7000&end-pin=7001'
    expect(await curl('-d', `uid=acme&token=token&${form}`, address())).toEqual(done)
    expect(await curl('-X', 'POST', `${sample()}&${form}`)).toEqual(done)
    expect(await curl('-d', form, sample())).toEqual(done)
    expect(await curl('-d', form, `${door.url}/simple-pins?uid=acme&token=token`)).toEqual(done)
    expect(await written('action=download-dbs')).toEqual({ status: 200, body: '1,2\n' })
  })

  test('takes uid and token as HTTP Basic too, so that they need not stand in it', async () => {
    expect(await curl('-u', 'acme:token', `${address()}?action=download-dbs`)).toEqual(done)
  })
})

describe('"db … Defaults to 1. May be any integer up to 9999."', () => {
  test.each(['1', '9', '10', '9999'])('%s', async (db) => {
    expect(await written(`action=write-pins&db=${db}&start-pin=7&end-pin=7`)).toEqual(done)
    expect(await written(`action=download-db&db=${db}`)).toEqual({ status: 200, body: `7,${db},,\n` })
  })

  test('without it, database 1', async () => {
    await written('action=write-pins&start-pin=7&end-pin=7')
    expect(await written('action=download-dbs')).toEqual({ status: 200, body: '1,1\n' })
  })

  test.each(['0', '10000', '01', '+1', '-1', '1.0', '1e3', ' 1', '', 'x', '१'])('not %j', async (db) => {
    expect(await ask({ action: 'download-db', db })).toEqual({
      status: 403,
      body: 'The parameter db is invalid.\n',
    })
  })
})

describe('write-pins', () => {
  test('"You can add/update one": start-pin and end-pin the same', async () => {
    expect(await written('action=write-pins&db=1&start-pin=VIP-7.a&end-pin=VIP-7.a')).toEqual(done)
    expect(await written('action=download-db&db=1')).toEqual({ status: 200, body: 'VIP-7.a,1,,\n' })
  })

  test('"or many thousand … they must form a sequential range for example 7000-7500"', async () => {
    expect(await written('action=write-pins&db=1&start-pin=7000&end-pin=7500')).toEqual(done)
    const { body } = await written('action=download-db&db=1')
    expect(body).toBe(Array.from({ length: 501 }, (_, i) => `${7000 + i},1,,\n`).join(''))
  })

  test('a range keeps its leading zeros', async () => {
    await written('action=write-pins&start-pin=0098&end-pin=0101')
    const { body } = await written('action=download-db')
    expect(body).toBe('0098,1,,\n0099,1,,\n0100,1,,\n0101,1,,\n')
  })

  test('"expires-at … begins-at … in ISO format YYYY-MM-DD HH:MM:SS (url encoded…)", read and given in the same order and form', async () => {
    const dates = 'begins-at=2026-01-02%2003:04:05&expires-at=2027-06-07+08%3A09%3A10'
    expect(await written(`action=write-pins&start-pin=1&end-pin=1&${dates}`)).toEqual(done)
    expect(await written('action=download-db')).toEqual({
      status: 200,
      body: '1,1,2027-06-07 08:09:10,2026-01-02 03:04:05\n',
    })
  })

  test('"adding or updating": an update without dates takes them away, and makes no second PIN', async () => {
    await ask({ action: 'write-pins', 'start-pin': '1', 'end-pin': '2', 'expires-at': '2027-01-01 00:00:00' })
    expect(await written('action=write-pins&start-pin=2&end-pin=3')).toEqual(done)
    const { body } = await written('action=download-db')
    expect(body).toBe('1,1,2027-01-01 00:00:00,\n2,1,,\n3,1,,\n')
  })

  test('"expired PINs remain within the database, but are simple inactive", and so do those that have not begun', async () => {
    // The clock shows 2020-03-27 11:57:09.
    const when = [
      { 'expires-at': '2020-03-27 11:57:09' },
      { 'begins-at': '2020-03-27 11:57:10' },
      { 'begins-at': '2020-03-27 11:57:09', 'expires-at': '2020-03-27 11:57:10' },
    ]
    for (const [i, dates] of when.entries()) {
      const pin = String(i + 1)
      expect(await ask({ action: 'write-pins', 'start-pin': pin, 'end-pin': pin, ...dates })).toEqual(done)
    }
    expect((await written('action=download-db')).body).toBe(
      '1,1,2020-03-27 11:57:09,\n2,1,,2020-03-27 11:57:10\n3,1,2020-03-27 11:57:10,2020-03-27 11:57:09\n',
    )
    const verdicts = await Promise.all(['1', '2', '3'].map((pin) => use(door, door.account, pin, STRANGER)))
    expect(verdicts.map(({ status }) => status)).toEqual(['refused', 'refused', 'ok'])
  })

  test('"A PIN may exist no more than once per database", but in several databases', async () => {
    for (const db of [1, 1, 2]) await written(`action=write-pins&db=${db}&start-pin=7&end-pin=7`)
    expect((await written('action=download-dbs')).body).toBe('1,1\n2,1\n')
  })

  test.each(['123456789012345', 'ABCDEFGHIJKLMNO'])('"up to 15 characters long": %s', async (pin) => {
    expect(await written(`action=write-pins&start-pin=${pin}&end-pin=${pin}`)).toEqual(done)
    expect((await written(`action=write-pins&start-pin=${pin}6&end-pin=${pin}6`)).status).toBe(403)
  })
})

describe('delete-pins', () => {
  beforeEach(async () => {
    await written('action=write-pins&start-pin=7000&end-pin=7004')
  })

  test('removes a range; "A response code 200 indicates success", also "that matching records were" not "found"', async () => {
    expect(await written('action=delete-pins&db=1&start-pin=7001&end-pin=7003')).toEqual(done)
    expect((await written('action=download-db')).body).toBe('7000,1,,\n7004,1,,\n')
    expect(await written('action=delete-pins&db=1&start-pin=7001&end-pin=7003')).toEqual(done)
    expect(await written('action=delete-pins&db=77&start-pin=1&end-pin=1')).toEqual(done)
  })

  test('"When a PIN is deleted we do not remove their uses or any security keys."', async () => {
    await use(door, door.account, '7001', STRANGER)
    await written('action=delete-pins&db=1&start-pin=7000&end-pin=7004')
    expect(await written('action=download-dbs')).toEqual(done)
    expect((await written('action=download-uses&db=1&year=2020&month=03&day=27')).body).not.toBe('')
    expect((await written('action=download-keys&db=1&pin=7001')).body).not.toBe('')
  })
})

describe('the downloads', () => {
  beforeEach(async () => {
    await written('action=write-pins&start-pin=7000&end-pin=7002')
  })

  test('download-dbs: DB, Number of PINs; only databases that contain PINs; no parameters required', async () => {
    await written('action=write-db&db=5&max-keys=1')
    await written('action=write-pins&db=9999&start-pin=1&end-pin=9')
    expect(await written('action=download-dbs')).toEqual({ status: 200, body: '1,3\n9999,9\n' })
  })

  test('download-db: PIN, DB, Expires, Begins; an empty body for a database without PINs', async () => {
    expect((await written('action=download-db&db=1')).body).toBe('7000,1,,\n7001,1,,\n7002,1,,\n')
    expect(await written('action=download-db&db=2')).toEqual(done)
  })

  test('download-uses: PIN, DB, Date Time, Security value, of one day; "each time a successful request is made"', async () => {
    await use(door, door.account, '7001', STRANGER)
    door.ctx.clock.ms += 1_000
    await use(door, door.account, '7001')
    await use(door, door.account, '9', STRANGER)
    const day = 'action=download-uses&db=1&year=2020&month=03&day='
    expect(await written(`${day}27`)).toEqual({
      status: 200,
      body: `7001,1,2020-03-27 11:57:09,${STRANGER}\n7001,1,2020-03-27 11:57:10,anonymous\n`,
    })
    expect(await written(`${day}26`)).toEqual(done)
    expect(await written(`${day}28`)).toEqual(done)
  })

  test('download-keys: PIN, DB, Security Key, Date Time first used', async () => {
    await use(door, door.account, '7001', STRANGER)
    door.ctx.clock.ms += 1_000
    await use(door, door.account, '7001', STRANGER)
    expect(await written('action=download-keys&db=1&pin=7001')).toEqual({
      status: 200,
      body: `7001,1,${STRANGER},2020-03-27 11:57:09\n`,
    })
    expect(await written('action=download-keys&db=1&pin=7000')).toEqual(done)
  })

  test('"comma or tab delimited"; and json, which "will likely follow"', async () => {
    expect((await written('action=download-dbs&output=csv')).body).toBe('1,3\n')
    expect((await written('action=download-dbs&output=txt')).body).toBe('1\t3\n')
    expect((await written('action=download-db&output=txt')).body).toBe(
      '7000\t1\t\t\n7001\t1\t\t\n7002\t1\t\t\n',
    )
    const { body } = await written('action=download-db&output=json')
    expect(JSON.parse(body)).toEqual(
      ['7000', '7001', '7002'].map((pin) => ({ pin, db: 1, 'expires-at': null, 'begins-at': null })),
    )
    expect(await written('action=download-db&db=2&output=json')).toEqual({ status: 200, body: '[]\n' })
  })
})

describe('delete-key', () => {
  test('"By deleting a key … you can enable his access": whoever was one too many gets in', async () => {
    await written('action=write-db&max-keys=1')
    await written('action=write-pins&start-pin=7&end-pin=7')
    expect((await use(door, door.account, '7', STRANGER)).status).toBe('ok')
    expect((await use(door, door.account, '7', OTHER)).status).toBe('refused')
    expect((await use(door, door.account, '7', STRANGER)).status).toBe('ok')
    expect(await ask({ action: 'delete-key', pin: '7', value: STRANGER })).toEqual(done)
    expect((await use(door, door.account, '7', OTHER)).status).toBe('ok')
    expect((await written('action=download-keys&pin=7')).body).toBe(`7,1,${OTHER},2020-03-27 11:57:09\n`)
  })

  test('a number of another country too', async () => {
    await written('action=write-pins&start-pin=7&end-pin=7')
    await use(door, door.account, '7', '+447700900123')
    expect(await written('action=delete-key&pin=7&value=+447700900123')).toEqual(done)
    expect(await written('action=download-keys&pin=7')).toEqual(done)
  })

  test.each([STRANGER, '09812345678', '9812345678', '00919812345678', '+91 98123 45678'])(
    'the number however it is written, a + that is not escaped too: %s',
    async (value) => {
      await written('action=write-pins&start-pin=7&end-pin=7')
      await use(door, door.account, '7', STRANGER)
      expect(await written(`action=delete-key&pin=7&value=${value.replaceAll(' ', '%20')}`)).toEqual(done)
      expect(await written('action=download-keys&pin=7')).toEqual(done)
    },
  )
})

describe('"The return code is based on the HTTP Protocol"', () => {
  test('401 "You have your credentials wrong"', async () => {
    const wrong = { status: 401, body: 'The uid or the token is wrong.\n' }
    for (const login of ['', 'uid=acme', 'token=token', 'uid=acme&token=x', 'uid=nobody&token=token'])
      expect(await curl(`${address()}?${login}&action=download-dbs`)).toEqual(wrong)
  })

  test('403 "something we don\'t allow or … a parameter value that is invalid"', async () => {
    expect(await written('action=download-pins')).toEqual({
      status: 403,
      body: 'The parameter action is invalid.\n',
    })
    expect(await written('')).toEqual({ status: 403, body: 'The parameter action is missing.\n' })
    expect((await written('action=write-pins&start-pin=1')).body).toBe('The parameter end-pin is missing.\n')
    const { body } = await written('action=write-pins&start-pin=1&end-pin=2000000')
    expect(body).toBe('There are more PINs up to end-pin than one request may name.\n')
  })

  test('500 "Something went wrong with your request and we stopped processing it"', async () => {
    door.ctx.store.pinDatabases = () => Promise.reject(new Error('no disk'))
    expect(await written('action=download-dbs')).toEqual({
      status: 500,
      body: 'Something went wrong here, and the request was stopped.\n',
    })
    expect(door.lines.join('')).toContain('no disk')
  })
})
