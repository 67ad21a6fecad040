import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { pinned, type Receiver } from './guard.ts'

const MOST_ANSWER_BYTES = 65_536

/** What a receiver said. */
export type Answer = { status: number; retryAfter: string | undefined }

/**
 * POSTs a body to a checked receiver and resolves to its answer. Never follows a redirect. The answer's body is read
 * to its end, to 64 kB or to the abort, and thrown away: once the status line is here the receiver has spoken,
 * and a retry would only be a duplicate. Rejects when no status arrived.
 */
export function post(
  { url, addresses }: Receiver,
  headers: Record<string, string>,
  body: string,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let answer: Answer | undefined
    const send = url.protocol === 'https:' ? requestTls : requestPlain
    // No agent: a kept-alive socket would outlive the check of its address.
    const request = send(url, {
      method: 'POST',
      agent: false,
      lookup: pinned(addresses),
      signal,
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    })
    request.on('response', (response) => {
      answer = { status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'] }
      let read = 0
      response.on('data', (chunk: Buffer) => {
        read += chunk.length
        if (read > MOST_ANSWER_BYTES) request.destroy()
      })
      // Cut off in the middle of its body: the status stands.
      response.on('error', () => undefined)
    })
    const settle = (error: Error) => (answer ? resolve(answer) : reject(error))
    request.on('error', settle)
    request.on('close', () => settle(Object.assign(new Error('no answer'), { code: 'ECONNRESET' })))
    request.end(body)
  })
}
