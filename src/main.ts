import { randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import type { Logger } from 'pino'
import { v7 as newId } from 'uuid'
import { dialects } from './api/dialects/index.ts'
import { createApi, listen } from './api/server.ts'
import { startAsterisk, type AsteriskSettings, type LocalAsterisk } from './asterisk.ts'
import { takeCalls, type CallDoor } from './calls/router.ts'
import type { Config } from './config.ts'
import { endDueAllocations } from './engine/allocations.ts'
import type { Context } from './engine/context.ts'
import type { Store } from './engine/store.ts'
import { startLoop } from './loop.ts'
import { loadSecrets, type Secrets } from './secrets.ts'
import { openSqlite } from './store/sqlite.ts'
import { startDelivery } from './webhooks/deliver.ts'

/** The running product. */
export type Pinbridge = { httpPort: number; stop: () => Promise<void> }

/** How long callers at the prompt may take to get through when we stop, in milliseconds. */
const GRACE_MS = 3_000
/** How often a process with calls writes down that it lives, in milliseconds. */
const HEARTBEAT_MS = 5_000
/** How often allocations are ended whose policy has run out, in milliseconds. */
const SWEEP_MS = 1_000
/** Pause before another attempt to bring Asterisk back, in milliseconds. */
const REVIVE_MS = 1_000

/** Puts the product together and starts it: store, then HTTP, then whatever is owed, then calls. */
export async function serve(config: Config, log: Logger): Promise<Pinbridge> {
  mkdirSync(config.data, { recursive: true, mode: 0o700 })
  const secrets = loadSecrets(config.data)
  const store = openSqlite(path.join(config.data, 'pinbridge.db'), () => delivery.wake())
  const ctx: Context = { store, now: Date.now, randomInt: (max) => randomInt(max), newId }

  let door: CallDoor | undefined
  const ready = async () => {
    const asterisk = config.asterisk.mode === 'none' ? 'off' : door?.connected() ? 'ok' : 'not connected'
    const { waiting, dead } = await store.deliveryCounts()
    const checks = { store: 'ok', asterisk, deliveries: `${waiting} waiting, ${dead} given up` }
    return { ready: asterisk !== 'not connected', checks }
  }
  const server = await listen(createApi({ ctx, log, ready }), config.http)
  const httpPort = (server.address() as AddressInfo).port
  log.info({ host: config.http.host, port: httpPort }, 'HTTP is served')

  const onError = (error: unknown) => log.error({ err: error }, 'background work failed')
  const delivery = startDelivery({
    store,
    now: ctx.now,
    allowPrivate: config.webhooks.allowPrivate,
    shape: (event) => dialects.greenpin.callbackBody(event),
    onAttempt: (attempt) => log.info(attempt, 'delivery'),
    onError,
  })
  const sweeper = startLoop(
    async () => {
      const { more } = await endDueAllocations(ctx)
      return ctx.now() + (more ? 0 : SWEEP_MS)
    },
    { now: ctx.now, onError },
  )

  const calls = config.asterisk.mode === 'none' ? undefined : await startCalls(config, secrets, ctx, log)
  door = calls?.door
  const heartbeat = setInterval(() => {
    if (door && door.live() > 0) store.touch(ctx.now()).catch(onError)
  }, HEARTBEAT_MS)

  return {
    httpPort,
    async stop() {
      clearInterval(heartbeat)
      await calls?.stop()
      server.close()
      server.closeAllConnections()
      await Promise.all([delivery.stop(), sweeper.stop()])
      await store.touch(ctx.now())
      await store.close()
      log.info('stopped')
    },
  }
}

type Calls = { door: CallDoor; stop: () => Promise<void> }

/** Brings Asterisk up where it is ours, keeps it up, and takes its calls. */
async function startCalls(config: Config, secrets: Secrets, ctx: Context, log: Logger): Promise<Calls> {
  const { ariUrl, ariUser = '', ariPassword = '', application } = config.asterisk
  const own = ariUrl === undefined ? await ownAsterisk(config, secrets, log) : undefined
  const login = own
    ? { url: own.url, user: 'pinbridge', password: secrets.ariPassword }
    : { url: ariUrl ?? '', user: ariUser, password: ariPassword }
  const door = takeCalls({
    ...login,
    ctx,
    application,
    digits: config.digits,
    country: config.sip.country,
    log,
    onDisconnect: () => own?.revive(),
    onReplaced: () => {
      log.fatal('another process has taken the calls over; two of them must not share an application')
      process.kill(process.pid, 'SIGTERM')
    },
  })
  return {
    door,
    async stop() {
      own?.leaveAlone()
      await door.stop(GRACE_MS)
      if (door.live() > 0) log.info({ calls: door.live() }, 'calls go on without us; Asterisk stays up')
      else await own?.stop()
    },
  }
}

/** The Asterisk that this machine runs for us: it is started again whenever it dies. */
async function ownAsterisk(config: Config, secrets: Secrets, log: Logger) {
  const start = () => startAsterisk(asteriskSettings(config, secrets), (line) => log.info(line))
  let asterisk: LocalAsterisk = await start()
  let reviving = false
  let wanted = true

  async function revive(): Promise<void> {
    if (reviving) return
    reviving = true
    while (wanted) {
      try {
        asterisk = await start()
        break
      } catch (error) {
        log.error({ err: error }, 'Asterisk does not come up')
        await new Promise((resolve) => setTimeout(resolve, REVIVE_MS))
      }
    }
    reviving = false
  }

  return {
    url: asterisk.ariUrl,
    revive: () => void revive(),
    leaveAlone: () => (wanted = false),
    stop: () => asterisk.stop(),
  }
}

function asteriskSettings({ data, asterisk, sip }: Config, { ariPassword }: Secrets): AsteriskSettings {
  return {
    dataDir: data,
    ariPort: asterisk.ariPort,
    ariPassword,
    application: asterisk.application,
    sipHost: sip.host,
    sipPort: sip.port,
    rtpStart: sip.rtpPorts.first,
    rtpEnd: sip.rtpPorts.last,
    trunkHost: sip.trunk.host,
    trunkPort: sip.trunk.port,
    dtmfMode: sip.dtmf,
    ...(sip.mediaAddress !== undefined && { mediaAddress: sip.mediaAddress }),
  }
}
