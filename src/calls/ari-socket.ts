import { randomUUID } from 'node:crypto'
import { WebSocket } from 'ws'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** Asterisk's "no". `status` is the HTTP status, or 0 when no answer came and the outcome is unknown. */
export class AriError extends Error {
  override name = 'AriError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export type SocketOptions = {
  /** http://host:port of Asterisk's HTTP server. */
  url: string
  user: string
  password: string
  /** The Stasis application that this socket registers. */
  application: string
  onEvent: (event: { type: string }) => void
  /** Once, when an opened socket is gone for whatever reason. */
  onClose: () => void
}

/** One WebSocket to Asterisk. It carries events and REST requests; Asterisk serves its requests one after another. */
export type AriSocket = {
  /** Resolves to the answer's JSON, or undefined for an empty one. Throws AriError. */
  request(method: Method, uri: string, body?: object): Promise<unknown>
  /** Requests without an answer yet. */
  inFlight(): number
  close(): void
}

type Answer = {
  type: 'RESTResponse'
  request_id: string
  status_code: number
  reason_phrase: string
  message_body?: string
}
type Pending = {
  resolve: (value: unknown) => void
  reject: (error: AriError) => void
  timer: NodeJS.Timeout
  what: string
}

const HANDSHAKE_MS = 5_000
const REQUEST_MS = 5_000
/** Asterisk sends no pings, so a half-open connection shows only by ours: dead after two that stay unanswered. */
const PING_MS = 5_000
const MISSED_PINGS = 2
/** How long the other side may take to say goodbye, in milliseconds. */
const GOODBYE_MS = 1_000

/** Opens a socket. Rejects with AriError when Asterisk cannot be reached or refuses (401: wrong user or password). */
export async function openSocket(options: SocketOptions): Promise<AriSocket> {
  const { url, user, password, application } = options
  const target = new URL('/ari/events', url.replace(/^http/, 'ws'))
  target.searchParams.set('app', application)
  // In a header, because a URL ends up in access logs.
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const ws = new WebSocket(target, { headers: { authorization }, handshakeTimeout: HANDSHAKE_MS })
  const requests = requestsOver(ws)
  let closed = false
  // Before it is open: the segment that ends the handshake can bring the first event.
  ws.on('message', (data: Buffer) => {
    const message = parse(data)
    // Asterisk may go on for a while after we have said goodbye, and tell us that our successor replaces us.
    if (!message || closed) return
    if (message.type === 'RESTResponse') requests.answer(message as Answer)
    else options.onEvent(message)
  })
  await opened(ws)
  const stopPinging = pinging(ws)
  ws.on('error', () => undefined) // 'close' follows and says it all
  ws.on('close', () => {
    stopPinging()
    requests.abandon()
    if (!closed) options.onClose()
  })
  return {
    request: requests.send,
    inFlight: requests.inFlight,
    close() {
      closed = true
      requests.abandon()
      // A peer that has gone silent would keep the socket for half a minute more.
      const cut = setTimeout(() => ws.terminate(), GOODBYE_MS)
      ws.once('close', () => clearTimeout(cut))
      ws.close()
    },
  }
}

function opened(ws: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    ws.once('open', resolve)
    ws.once('error', (error) => reject(new AriError(0, `cannot reach Asterisk: ${error.message}`)))
    ws.once('unexpected-response', (request, response) => {
      const { statusCode = 0 } = response
      reject(new AriError(statusCode, `Asterisk refused the connection with HTTP ${statusCode}`))
      request.destroy()
    })
  })
}

function pinging(ws: WebSocket): () => void {
  let missed = 0
  ws.on('pong', () => (missed = 0))
  const timer = setInterval(() => {
    if (missed >= MISSED_PINGS) return ws.terminate()
    missed++
    ws.ping()
  }, PING_MS)
  return () => clearInterval(timer)
}

/** REST over the WebSocket (Asterisk documentation, "ARI REST over WebSocket"). */
function requestsOver(ws: WebSocket) {
  const pending = new Map<string, Pending>()

  function settle(id: string, how: (request: Pending) => void): void {
    const request = pending.get(id)
    if (!request) return
    pending.delete(id)
    clearTimeout(request.timer)
    how(request)
  }

  return {
    inFlight: () => pending.size,
    send: (method: Method, uri: string, body?: object) =>
      new Promise<unknown>((resolve, reject) => {
        const id = randomUUID()
        const what = `${method} ${uri.split('?', 1)[0] ?? ''}`
        if (ws.readyState !== WebSocket.OPEN) return reject(broke(what))
        // Still in flight after that: Asterisk serves nothing else on this socket until it has answered.
        const timer = setTimeout(
          () => reject(new AriError(0, `${what}: no answer in ${REQUEST_MS} ms`)),
          REQUEST_MS,
        )
        pending.set(id, { resolve, reject, timer, what })
        const content = body && { content_type: 'application/json', message_body: JSON.stringify(body) }
        ws.send(
          JSON.stringify({
            type: 'RESTRequest',
            transaction_id: id,
            request_id: id,
            method,
            uri,
            ...content,
          }),
        )
      }),
    answer({ request_id: id, status_code: status, reason_phrase: reason, message_body: text }: Answer): void {
      settle(id, ({ resolve, reject, what }) => {
        const value = text ? json(text) : undefined
        if (status >= 200 && status < 300 && (!text || value !== undefined)) resolve(value)
        else reject(new AriError(status, `${what}: ${status} ${reason} ${text ?? ''}`.trim()))
      })
    },
    abandon(): void {
      for (const id of [...pending.keys()]) settle(id, ({ reject, what }) => reject(broke(what)))
    },
  }
}

function broke(what: string): AriError {
  return new AriError(0, `${what}: the connection broke`)
}

function parse(data: Buffer): { type: string } | undefined {
  const message = json(data.toString())
  const known = typeof message === 'object' && message !== null && 'type' in message
  return known && typeof message.type === 'string' ? (message as { type: string }) : undefined
}

/** Undefined, which no JSON means, for what is none. */
function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
