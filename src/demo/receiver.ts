import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

/** A webhook as its receiver took it. */
export type Received = {
  /** Milliseconds since the epoch. */
  at: number
  body: Record<string, unknown>
  /** Whether the signature is the account's. */
  genuine: boolean
}

export type Receiver = {
  url: string
  /** What has come so far. */
  received: Received[]
  /** The account's webhook secret, which exists only after the account has been told this address. */
  expect: (secret: string) => void
  close: () => Promise<void>
}

/** The client's side of webhooks: takes what is signed rightly (Standard Webhooks 1.0.0), refuses all else. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  let webhook: Webhook | undefined
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const genuine = isGenuine(webhook, text, request.headers as Record<string, string>)
      received.push({ at: Date.now(), body: parse(text), genuine })
      response.writeHead(genuine ? 204 : 401).end()
    })
  })
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`,
    received,
    expect: (secret) => (webhook = new Webhook(secret)),
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

/** What the README shows to receivers of their own. */
function isGenuine(webhook: Webhook | undefined, body: string, headers: Record<string, string>): boolean {
  try {
    webhook?.verify(body, headers)
    return webhook !== undefined
  } catch {
    return false
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}
