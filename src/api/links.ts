import { createHmac, timingSafeEqual } from 'node:crypto'

/** Makes addresses of things that whoever has the address may fetch, until it expires. */
export type Links = {
  /** Where the recording of the call's talk is until `expiresAt`, in milliseconds since the epoch. */
  recording: (callId: string, expiresAt: number) => string
}

/** `base`: our own address as clients see it, without a slash at its end. */
export function signedLinks(key: string, base: () => string): Links {
  return {
    recording: (callId, expiresAt) => {
      const expires = String(Math.floor(expiresAt / 1_000))
      return `${base()}/recordings/${callId}.wav?expires=${expires}&signature=${signature(key, callId, expires)}`
    },
  }
}

/** Whether `signedLinks` made this address with the same key, and it has not expired at `now`. */
export function mayFetch(
  key: string,
  callId: string,
  { expires, signature: given }: { expires: string; signature: string },
  now: number,
): boolean {
  const right = Buffer.from(signature(key, callId, expires))
  const written = Buffer.from(given)
  if (written.length !== right.length || !timingSafeEqual(written, right)) return false
  return now < Number(expires) * 1_000
}

/** HMAC-SHA256 (RFC 2104), so that an address can neither be guessed nor given a longer life. */
function signature(key: string, callId: string, expires: string): string {
  return createHmac('sha256', key).update(`recording\n${callId}\n${expires}`).digest('base64url')
}
