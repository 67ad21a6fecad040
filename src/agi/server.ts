import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { Logger } from 'pino'
import { Hangup, type PromptName } from '../calls/call.ts'
import { within } from '../calls/deferred.ts'
import type { DigitTimes } from '../calls/voice.ts'
import { maskNumber } from '../engine/phone.ts'
import { agiChannel } from './channel.ts'
import { check, type CheckOptions, type Report } from './check.ts'
import { agiConnection, type AgiConnection } from './connection.ts'
import { BadRequest } from './request.ts'

export type AgiOptions = CheckOptions & {
  host: string
  /** 0 takes a free one. */
  port: number
  digits: DigitTimes
  log: Logger
}

/** Where dialplans come in. */
export type AgiDoor = {
  port: number
  /** Runs of AGI() that go on now. */
  live: () => number
  /** Takes no more, gives those who are being asked `graceMs` to get through, and hands the rest back to their dialplans. */
  stop: (graceMs: number) => Promise<void>
}

/** Each is a call on somebody's Asterisk; more at once are an attack or a mistake, and are turned away. */
const MOST_CONNECTIONS = 500
/** A peer whose machine is gone without a word is found out after this, in milliseconds, and about ten minutes more. */
const QUIET_MS = 30_000
/** Those who are turned away are logged once in this time, in milliseconds. */
const DROPS_LOGGED_MS = 10_000

/** The log's one line a call. */
const SAID = 'FastAGI check'

/** Answers `AGI(agi://…)`. Rejects when the address cannot be had. */
export async function serveAgi(options: AgiOptions): Promise<AgiDoor> {
  const { log } = options
  const live = new Map<AgiConnection, Promise<void>>()
  const server = createServer(
    { noDelay: true, keepAlive: true, keepAliveInitialDelay: QUIET_MS },
    (socket) => {
      const connection = agiConnection(socket)
      live.set(
        connection,
        serveOne(connection, socket, options).finally(() => live.delete(connection)),
      )
    },
  )
  server.maxConnections = MOST_CONNECTIONS
  let nextLogAt = 0
  server.on('drop', () => {
    if (performance.now() < nextLogAt) return
    nextLogAt = performance.now() + DROPS_LOGGED_MS
    log.warn({ most: MOST_CONNECTIONS }, 'FastAGI turns calls away: too many at once')
  })
  await new Promise<void>((done, fail) => server.on('error', fail).listen(options.port, options.host, done))
  server.removeAllListeners('error').on('error', (err) => log.error({ err }, 'FastAGI'))
  return {
    port: (server.address() as AddressInfo).port,
    live: () => live.size,
    async stop(graceMs) {
      const closed = new Promise((done) => server.close(done))
      await within(Promise.all(live.values()), graceMs)
      for (const connection of live.keys()) connection.end()
      await Promise.all(live.values())
      await closed
    },
  }
}

/** Runs the script of one call. Never rejects. */
async function serveOne(connection: AgiConnection, socket: Socket, options: AgiOptions): Promise<void> {
  const report: Report = { status: 'ERROR' }
  const badPrompts = new Set<PromptName>()
  const channel = agiChannel(connection, {
    times: options.digits,
    onBadPrompt: (prompt) => void badPrompts.add(prompt),
  })
  let failure: unknown
  try {
    await check(channel, await connection.environment, options, report)
  } catch (error) {
    failure = error
  }
  connection.end()
  if (badPrompts.size > 0) options.log.error({ prompts: [...badPrompts] }, 'Asterisk cannot play this')
  const { account, database, caller, status } = report
  const line = { account: account?.sid, db: database, from: account && maskNumber(caller), status }
  const fault = connection.fault()
  if (failure === undefined) options.log.info(line, SAID)
  else if (fault !== undefined) options.log.warn({ ...line, peer: socket.remoteAddress, reason: fault }, SAID)
  else if (failure instanceof Hangup) options.log.info({ ...line, reason: failure.message }, SAID)
  else if (failure instanceof BadRequest) options.log.warn({ ...line, reason: failure.message }, SAID)
  else options.log.error({ ...line, err: failure }, SAID)
}
