import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { until } from '../support/until.ts'
import { testOutbox, type TestOutbox } from './outbox.ts'

// Made with openssl for this test alone: P-256, DNS:receiver.example, signed by itself, valid from 2020 to 2120.
const KEY =
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgj+WF42fsxQr9CgAB5zVDKWsAuRBO06j9Zrac1byysT6hRANCAAQwATcek5j8BRaAfL33WWr7A+KhJAgbRAuGj8RBbXKvsWdMwqLd4B/lf56JwYZpYYRqz9rV8tZtrJdLMBV8kULL'
const CERTIFICATE =
  'MIIBZDCCAQugAwIBAgIBATAKBggqhkjOPQQDAjAbMRkwFwYDVQQDDBByZWNlaXZlci5leGFtcGxlMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAbMRkwFwYDVQQDDBByZWNlaXZlci5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMAE3HpOY/AUWgHy991lq+wPioSQIG0QLho/EQW1yr7FnTMKi3eAf5X+eicGGaWGEas/a1fLWbayXSzAVfJFCy6M+MDwwGwYDVR0RBBQwEoIQcmVjZWl2ZXIuZXhhbXBsZTAdBgNVHQ4EFgQU1/67WgAoW9TkN4dOzIdJhTn6mjEwCgYIKoZIzj0EAwIDRwAwRAIgOjO1X4IVSmHlM+gbXWfuzK8JV465lB5Qq9xFyn6UigYCID4ZP9e+lpZ4D7ts0EHWyExGOVVv594bVVNJijrXaY5M'

const key = createPrivateKey({ key: Buffer.from(KEY, 'base64'), format: 'der', type: 'pkcs8' })
const certificate = new X509Certificate(Buffer.from(CERTIFICATE, 'base64')).toString()
const trusted = getCACertificates('default')

let receiver: Server
let outbox: TestOutbox
let names: string[]

beforeEach(async () => {
  names = []
  outbox = testOutbox()
  receiver = createServer(
    {
      key: key.export({ format: 'pem', type: 'pkcs8' }),
      cert: certificate,
      SNICallback: (name, done) => {
        names.push(name)
        done(null)
      },
    },
    (_request, response) => response.writeHead(204).end(),
  )
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
})

afterEach(async () => {
  setDefaultCACertificates(trusted)
  await outbox.close()
  receiver.close()
})

async function deliverTo(host: string): Promise<void> {
  const { port } = receiver.address() as AddressInfo
  await outbox.account('a', `https://${host}:${port}/`)
  await outbox.commit('a')
  outbox.start({ resolve: () => Promise.resolve(['127.0.0.1']) })
  await until(() => expect(outbox.attempts).toHaveLength(1))
}

test('a receiver is asked for by its name, although the connection goes to the checked address', async () => {
  setDefaultCACertificates([...trusted, certificate])
  await deliverTo('receiver.example')
  expect(outbox.attempts).toMatchObject([{ outcome: 'delivered', status: 204 }])
  expect(names).toEqual(['receiver.example'])
})

test('a receiver with another name in its certificate gets nothing', async () => {
  setDefaultCACertificates([...trusted, certificate])
  await deliverTo('other.example')
  expect(outbox.attempts).toMatchObject([{ outcome: 'retry', reason: 'ERR_TLS_CERT_ALTNAME_INVALID' }])
})

test('a receiver whose certificate nobody vouches for gets nothing', async () => {
  await deliverTo('receiver.example')
  expect(outbox.attempts).toMatchObject([{ outcome: 'retry', reason: 'DEPTH_ZERO_SELF_SIGNED_CERT' }])
})
