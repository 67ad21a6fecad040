import { randomBytes } from 'node:crypto'
import { Webhook } from 'standardwebhooks'

const SECRET_BYTES = 32

/** The metadata of one attempt (Standard Webhooks 1.0.0, "Webhook headers"). */
export type SignatureHeaders = {
  'webhook-id': string
  'webhook-timestamp': string
  'webhook-signature': string
}

/**
 * Signs an attempt with the account's symmetric secret. The id stays the same on every try, the timestamp is the
 * attempt's own (milliseconds in, whole seconds out), so that receivers can refuse replays.
 */
export function signatureHeaders(
  secret: string,
  eventId: string,
  body: string,
  now: number,
): SignatureHeaders {
  return {
    'webhook-id': eventId,
    'webhook-timestamp': String(Math.floor(now / 1000)),
    'webhook-signature': new Webhook(secret).sign(eventId, new Date(now), body),
  }
}

/** A fresh secret of 32 random bytes (Standard Webhooks 1.0.0, "Signature scheme": 24 to 64). */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
}
