import { createServer, type Server } from 'node:http'
import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express'
import helmet from 'helmet'
import type { Logger } from 'pino'
import type { Context } from '../engine/context.ts'
import { BODY_TIMES, bodiesInTime, type BodyTimes } from './bodies.ts'
import { dialects as allDialects } from './dialects/index.ts'
import type { DialectDoor, Phones, PinLimits } from './door.ts'
import { isBadRequest, noted } from './fields.ts'
import { health, type Ready } from './health.ts'
import { recordings, type RecordingsDoor } from './recordings.ts'

export type ApiParts = {
  ctx: Context
  log: Logger
  ready: Ready
  /** Why an event cannot be delivered to this address, in words for whoever wants it to; undefined when it can. */
  refusedReceiver: (url: string) => Promise<string | undefined>
  recordings: Omit<RecordingsDoor, 'now'>
  pins: PinLimits
  phones: Phones
  dialects?: Record<string, DialectDoor>
  bodyTimes?: BodyTimes
}

/** All HTTP doors. Each dialect owns its prefix, its login check and the shape of its errors. */
export function createApi(given: ApiParts): Express {
  const { ctx, log, dialects = allDialects, bodyTimes = BODY_TIMES, ...parts } = given
  const app = express()
  app.disable('x-powered-by').disable('etag')
  // Doors that want a query read it with `readQuery`, where `?pin=1&pin=2` is an error.
  app.set('query parser', false)
  app.use(helmet(), accessLog(ctx, log), bodiesInTime(bodyTimes))
  app.use((_req, res, next) => {
    res.set('Cache-Control', 'no-store')
    next()
  })
  app.use(health(parts.ready))
  app.use(recordings({ ...parts.recordings, now: ctx.now }))
  for (const [name, { prefix, router, openapi }] of Object.entries(dialects)) {
    const { refusedReceiver, pins, phones } = parts
    app.use(prefix, router({ ctx, refusedReceiver, pins, phones }))
    app.get(`/openapi/${name}.json`, (_req, res) => {
      res.json(openapi())
    })
  }
  app.use((_req, res) => {
    res.status(404).json({ error: 'not_found' })
  })
  app.use(refuse)
  return app
}

/** A connection over which nothing goes for so long is cut off: a client who takes nothing of a download, say. */
const IDLE_MS = 300_000
/** An upload may take so long, also while we hold it back because others upload too. `bodiesInTime` limits all else. */
const LONGEST_REQUEST_MS = 900_000

/**
 * Starts to listen; rejects when the address is taken. The time-outs cut off clients that send a header or body drop by drop,
 * or take nothing of what they asked for.
 */
export function listen(app: Express, { host, port }: { host: string; port: number }): Promise<Server> {
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: LONGEST_REQUEST_MS, connectionsCheckingInterval: 2_000 },
    app,
  )
  // Node would answer an expectation that it does not know by itself, past all limits.
  server.on('checkExpectation', app)
  server.setTimeout(IDLE_MS)
  server.maxConnections = 512
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

/** One line a request: which route and how it ended, never a path, query, body or number as they were sent. */
function accessLog(ctx: Context, log: Logger): RequestHandler {
  return (req, res, next) => {
    const started = performance.now()
    const requestId = ctx.newId()
    noted(res).requestId = requestId
    res.set('X-Request-Id', requestId)
    res.once('close', () => {
      const { account, bug } = noted(res)
      const ms = Math.round(performance.now() - started)
      const route = routeOf(req)
      // What nobody was told is no status.
      const status = res.headersSent ? res.statusCode : undefined
      const line = { requestId, method: req.method, route, status, ms, account: account?.sid }
      if (bug !== undefined) log.error({ ...line, err: bug }, 'request failed')
      else if (!res.writableFinished) log.warn(line, 'request broken off')
      else if (account === undefined && res.statusCode === 200) log.debug(line, 'request')
      else log.info(line, 'request')
    })
    next()
  }
}

function routeOf(req: Request): string {
  const { route } = req as { route?: { path: string | string[] } }
  return route === undefined ? 'none' : `${req.baseUrl}${[route.path].flat()[0] ?? ''}`
}

const refuse: ErrorRequestHandler = (error: unknown, _req, res, next) => {
  if (!isBadRequest(error)) noted(res).bug = error
  if (res.headersSent) return next(error)
  if (isBadRequest(error)) res.status(400).json({ error: 'bad_request' })
  else res.status(500).json({ error: 'internal' })
}
