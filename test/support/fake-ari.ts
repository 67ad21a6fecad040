import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { fakeModel, type FakeModel } from './fake-ari-model.ts'

/** A request as it came, in the order of arrival over all sockets. */
export type Asked = {
  /** `POST channels/c1/play`, with the query when there is one. */
  what: string
  method: string
  /** Without the query. */
  path: string
  query: URLSearchParams
  body: Record<string, unknown>
  /** The application of the socket that it came on. */
  app: string
}

export type Answer = {
  status: number
  body?: unknown
  /** Follows the answer. */
  after?: () => void
}

/** A request that waits for the test, and holds up those behind it on its socket, as Asterisk does. */
export type Held = {
  asked: Asked
  /** Does what Asterisk would do, events included, without answering yet. */
  perform: () => void
  /** Answers: with this, or with what Asterisk would answer, doing it now at the latest. */
  release: (status?: number) => void
}

type Upgrade = { url: string; authorization: string | undefined; at: number; status: number }

type Peer = { app: string; ws: WebSocket; raw: Socket; queue: Promise<void>; frozen: boolean }
type Rule = {
  pattern: RegExp
  left: number
  act: (asked: Asked, perform: () => Answer) => Answer | Promise<Answer | undefined>
}

/** What an Asterisk sends and asks for, in one object for the tests. */
export type FakeAri = Awaited<ReturnType<typeof startFakeAri>>

export const USER = 'pinbridge'
export const PASSWORD = 'a-password-of-sixteen'

/**
 * A scripted Asterisk on loopback: events and REST over WebSockets, as 22.10.1 speaks them. By default it answers and
 * emits in Asterisk's own order; every request can be held, refused or dropped, every socket cut or frozen.
 */
export async function startFakeAri() {
  const server = createServer((_request, response) => response.writeHead(404).end())
  const upgrading = new WebSocketServer({ noServer: true })
  const raws = new Set<Duplex>()
  /** The socket that an application's events go to; a second one takes them over. */
  const registered = new Map<string, Peer>()
  const peers = new Set<Peer>()
  /** Allowed types by application: these outlive the socket, and RESTResponse is one of them. */
  const filters = new Map<string, Set<string>>()
  const rules: Rule[] = []
  const requests: Asked[] = []
  const upgrades: Upgrade[] = []
  const lost: object[] = []
  let greet: ((app: string) => void) | undefined
  let refusal: number | undefined

  const model: FakeModel = fakeModel(emit)

  server.on('connection', (raw) => {
    raws.add(raw)
    raw.on('close', () => raws.delete(raw))
  })

  server.on('upgrade', (request, socket, head) => {
    const app = new URL(request.url ?? '', 'http://fake').searchParams.get('app') ?? ''
    const status = refusal ?? (authorised(request) ? 101 : 401)
    const { authorization } = request.headers
    upgrades.push({ url: request.url ?? '', authorization, at: Date.now(), status })
    if (status === 0) return void request.socket.resetAndDestroy()
    if (status !== 101) return void socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`)
    // What Asterisk says first can travel in one segment with the handshake's answer.
    socket.cork()
    upgrading.handleUpgrade(request, socket, head, (ws) => {
      welcome(app, ws, request.socket)
      greet?.(app)
    })
    process.nextTick(() => socket.uncork())
  })

  function welcome(app: string, ws: WebSocket, raw: Socket): void {
    const peer: Peer = { app, ws, raw, queue: Promise.resolve(), frozen: false }
    const before = registered.get(app)
    if (before) emit({ type: 'ApplicationReplaced' }, app)
    registered.set(app, peer)
    peers.add(peer)
    ws.on('message', (data: Buffer) => received(peer, JSON.parse(data.toString()) as RestRequest))
    ws.on('error', () => undefined)
    ws.on('close', () => {
      peers.delete(peer)
      if (registered.get(app) === peer) registered.delete(app)
    })
  }

  /** One socket is one thread of Asterisk: strictly one request after another. */
  function received(peer: Peer, request: RestRequest): void {
    const asked = toAsked(peer.app, request)
    requests.push(asked)
    peer.queue = peer.queue.then(async () => {
      const answer = await serve(asked)
      if (!answer) return
      send(peer, restResponse(request, answer))
      answer.after?.()
    })
  }

  async function serve(asked: Asked): Promise<Answer | undefined> {
    const perform = () => answerTo(asked)
    const rule = rules.find(({ pattern, left }) => left > 0 && pattern.test(asked.what))
    if (rule) {
      rule.left--
      return rule.act(asked, perform)
    }
    await model.unblocked(asked)
    return perform()
  }

  function answerTo(asked: Asked): Answer {
    const [, app] = /^applications\/(.+)\/eventFilter$/.exec(asked.path) ?? []
    if (app === undefined) return model.answer(asked)
    const { allowed = [] } = asked.body as { allowed?: { type: string }[] }
    filters.set(app, new Set(allowed.map(({ type }) => type)))
    return { status: 200, body: { name: app } }
  }

  function send(peer: Peer, message: { type: string }): void {
    const filter = filters.get(peer.app)
    if (filter && !filter.has(message.type)) return
    if (peer.frozen || peer.ws.readyState !== WebSocket.OPEN) return void lost.push(message)
    peer.ws.send(JSON.stringify(message))
  }

  /** An event for an application; lost when nobody listens, as in Asterisk. */
  function emit(event: { type: string }, app = 'pinbridge'): void {
    const peer = registered.get(app)
    const message = { application: app, asterisk_id: 'fake', timestamp: timestamp(Date.now()), ...event }
    if (peer) send(peer, message)
    else lost.push(message)
  }

  function rule(pattern: string, times: number, act: Rule['act']): void {
    rules.push({ pattern: toRegExp(pattern), left: times, act })
  }

  const matching = (app?: string) => [...peers].filter((peer) => app === undefined || peer.app === app)

  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    model,
    requests,
    upgrades,
    /** Messages that nobody was there to receive. */
    lost,
    filters,
    emit,

    /** Applications with an open socket. */
    apps: () => matching().map(({ app }) => app),

    /** What was asked so far about calls: not what every connect begins with. */
    asked: () =>
      requests
        .map(({ what }) => what)
        .filter((what) => !/eventFilter$|^GET (channels|bridges|endpoints\/PJSIP)$/.test(what)),

    /** Sends text that need not be JSON. */
    say(text: string, app = 'pinbridge'): void {
      registered.get(app)?.ws.send(text)
    },

    /** Called whenever a socket has opened, before anything else is said on it. */
    greet(what: (app: string) => void): void {
      greet = what
    },

    /** The next request like this waits until the test releases it. `*` in a pattern is anything but a slash. */
    hold(pattern: string): Promise<Held> {
      return new Promise((arrived) =>
        rule(pattern, 1, (asked, perform) => {
          let answer: Answer | undefined
          return new Promise((answered) =>
            arrived({
              asked,
              perform() {
                answer = perform()
                answer.after?.()
                delete answer.after
              },
              release: (status) => answered(status === undefined ? (answer ?? perform()) : { status }),
            }),
          )
        }),
      )
    },

    /** Answers such requests with an error and does nothing. */
    refuse(pattern: string, status: number, times = 1): void {
      rule(pattern, times, () => ({ status, body: { message: 'no' } }))
    },

    /** Never answers such requests, and does nothing; those behind them are served. */
    drop(pattern: string, times = 1): void {
      rule(pattern, times, () => Promise.resolve(undefined))
    },

    /** Answers such requests with this text as the body, JSON or not. */
    answerWith(pattern: string, text: string): void {
      rule(pattern, 1, () => ({ status: 200, body: { verbatim: text } }))
    },

    /** Refuses new sockets with this HTTP status; 0 resets the connection; undefined lets them in again. */
    refuseSockets(status: number | undefined): void {
      refusal = status
    },

    /** Resets sockets as a crash does: without a close frame. */
    cut(app?: string): void {
      for (const { raw } of matching(app)) raw.resetAndDestroy()
    },

    /** Half-open: nothing is read any more, pings included, and nothing is sent. */
    freeze(app?: string): void {
      for (const peer of matching(app)) {
        peer.frozen = true
        peer.ws.pause()
      }
    },

    /** Stops reading from an application's socket, a close frame included, but can still send. */
    deafen(app: string): void {
      for (const { ws } of matching(app)) ws.pause()
    },

    /** All that is sent by `what` arrives in one segment. */
    together(what: () => void): void {
      const corked = matching()
      for (const { raw } of corked) raw.cork()
      what()
      for (const { raw } of corked) raw.uncork()
    },

    /** Whatever was said to the client has been heard, and what it asks for in return is here. */
    async settled(): Promise<void> {
      for (let round = 0; round < 3; round++) await Promise.all(matching().map(pinged))
    },

    async stop(): Promise<void> {
      for (const raw of raws) raw.destroy()
      await new Promise((closed) => server.close(closed))
    },
  }
}

type RestRequest = {
  type: 'RESTRequest'
  transaction_id: string
  request_id: string
  method: string
  uri: string
  message_body?: string
}

function toAsked(app: string, { method, uri, message_body: text }: RestRequest): Asked {
  const url = new URL(uri, 'http://fake/')
  const body = text === undefined ? {} : (JSON.parse(text) as Record<string, unknown>)
  const path = url.pathname.slice(1)
  return { what: `${method} ${path}${url.search}`, method, path, query: url.searchParams, body, app }
}

function restResponse(request: RestRequest, { status, body }: Answer) {
  const verbatim = (body as { verbatim?: string } | undefined)?.verbatim
  return {
    type: 'RESTResponse',
    transaction_id: request.transaction_id,
    request_id: request.request_id,
    status_code: status,
    reason_phrase: status < 300 ? 'OK' : 'Refused',
    uri: request.uri,
    ...(body !== undefined && {
      content_type: 'application/json',
      message_body: verbatim ?? JSON.stringify(body),
    }),
  }
}

function authorised({ headers: { authorization = '' } }: IncomingMessage): boolean {
  return authorization === `Basic ${btoa(`${USER}:${PASSWORD}`)}`
}

function pinged({ ws, frozen }: Peer): Promise<void> {
  return new Promise((done) => {
    if (frozen || ws.isPaused || ws.readyState !== WebSocket.OPEN) return done()
    const heard = () => {
      ws.off('pong', heard).off('close', heard)
      done()
    }
    ws.on('pong', heard).on('close', heard).ping()
  })
}

/** As Asterisk writes it: an offset without a colon. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '+0000')
}

function toRegExp(pattern: string): RegExp {
  const escaped = pattern.split('*').map((text) => text.replaceAll(/[?.+]/g, '\\$&'))
  return new RegExp(`^${escaped.join('[^/]*')}$`)
}
