import { expect, test } from '@jest/globals'
import { Webhook } from 'standardwebhooks'
import { newWebhookSecret, signatureHeaders } from '../../src/webhooks/sign.ts'

// The example of the specification's README, computed with openssl:
// printf '%s' 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC ...
test('gives the known signature of a known message', () => {
  const body = '{"test": 2432232314}'
  const headers = signatureHeaders(
    'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    body,
    1_614_265_330_999,
  )
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

test('a receiver with the secret verifies it, another one does not', () => {
  const secret = newWebhookSecret()
  const headers = signatureHeaders(secret, 'event-1', '{"a":"é"}', Date.now())
  expect(new Webhook(secret).verify('{"a":"é"}', headers)).toEqual({ a: 'é' })
  expect(() => new Webhook(newWebhookSecret()).verify('{"a":"é"}', headers)).toThrow('No matching signature')
  expect(() => new Webhook(secret).verify('{"a":"e"}', headers)).toThrow('No matching signature')
})

test('secrets are 32 random bytes in base64 after whsec_, each another', () => {
  const secrets = Array.from({ length: 100 }, newWebhookSecret)
  expect(new Set(secrets).size).toBe(100)
  for (const secret of secrets) {
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32)
  }
})
