import { randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import type { Logger } from 'pino'
import { v7 as newId } from 'uuid'
import { serveAgi } from './agi/server.ts'
import { guessAlarm } from './alarm.ts'
import { bodyOf } from './api/dialects/index.ts'
import { createApi, listen } from './api/server.ts'
import { startAudit, type StartAudit } from './audit.ts'
import { startAsterisk, type AsteriskSettings, type LocalAsterisk } from './asterisk.ts'
import { takeCalls, type CallDoor } from './calls/router.ts'
import { httpAddress, type Config } from './config.ts'
import type { Context } from './engine/context.ts'
import type { Store } from './engine/store.ts'
import { startLoop, type Loop } from './loop.ts'
import { signedLinks, type Links } from './api/links.ts'
import { linkKey, loadSecrets, type Secrets } from './secrets.ts'
import { openSqlite } from './store/sqlite.ts'
import { sweepRates, sweepRecordings, sweepStore } from './sweep.ts'
import { startDelivery } from './webhooks/deliver.ts'
import { sendTexts } from './webhooks/texts.ts'
import { whyRefused } from './webhooks/guard.ts'

/** The running product. */
export type Pinbridge = { httpPort: number; stop: () => Promise<void> }

/** How long callers at the prompt may take to get through when we stop, in milliseconds. */
const GRACE_MS = 3_000
/** How often a process with calls writes down that it lives, in milliseconds. */
const HEARTBEAT_MS = 5_000
/** Pause before another attempt to bring Asterisk back, in milliseconds. */
const REVIVE_MS = 1_000

/**
 * Puts the product together and starts it: store, then what is owed, then HTTP, then calls. Stops in the opposite
 * order, also when starting fails half-way.
 */
export async function serve(config: Config, log: Logger): Promise<Pinbridge> {
  await using parts = new AsyncDisposableStack()
  mkdirSync(config.data, { recursive: true, mode: 0o700 })
  const secrets = loadSecrets(config.data)
  const onError = (error: unknown) => log.error({ err: error }, 'background work failed')

  const store = openSqlite(path.join(config.data, 'pinbridge.db'), () => delivery.wake())
  parts.defer(() => store.close())
  const ctx: Context = { store, now: Date.now, randomInt: (max) => randomInt(max), newId }
  const key = linkKey(secrets)
  let { port: httpPort } = config.http
  const links = signedLinks(key, () => httpAddress(config.http, httpPort))
  const delivery = deliver(config, ctx, links, log, onError)
  parts.defer(() => delivery.stop())
  const { allowPrivate } = config.webhooks
  const texts = sendTexts({ ctx, allowPrivate, onAttempt: (one) => log.info(one, 'text'), onError })
  parts.defer(() => texts.stop())
  const folder = recordingsFolder(config)
  const sweeps = [() => sweepStore(ctx, delivery), () => sweepRates(ctx), () => sweepRecordings(ctx, folder)]
  for (const work of [...sweeps, guessAlarm(ctx, log)]) {
    const loop = startLoop(work, { now: ctx.now, onError })
    parts.defer(() => loop.stop())
  }

  const later: Later = {}
  const api = createApi({
    ctx,
    log,
    ready: () => readiness(config, store, later),
    refusedReceiver: (url) => whyRefused(url, config.webhooks),
    recordings: { folder, key },
    pins: { range: config.pins.range, contexts: config.pins.contexts ?? [] },
    phones: {
      wakeCallbacks: () => later.door?.wakeCallbacks(),
      wakeSendings: () => {
        later.door?.wakeSendings()
        texts.wake()
      },
      sipAddress: `${config.sip.externalAddress ?? config.sip.host}:${config.sip.port}`,
    },
  })
  const server = await listen(api, config.http)
  server.on('error', onError)
  parts.defer(() => closeServer(server))
  httpPort = (server.address() as AddressInfo).port
  log.info({ host: config.http.host, port: httpPort }, 'HTTP is served')
  // From here on nobody starts us in vain, and whoever asks whether we are ready is told how it goes.
  const audit = startAudit(store, log)
  parts.defer(() => audit.stop())
  later.audit = audit

  if (config.asterisk.mode !== 'none') {
    const { door, stop } = await startCalls(config, secrets, ctx, log)
    parts.defer(stop)
    later.door = door
    const heartbeat = setInterval(() => {
      if (door.connected() && door.live() > 0) store.touch(ctx.now()).catch(onError)
    }, HEARTBEAT_MS)
    parts.defer(() => {
      clearInterval(heartbeat)
      // Unconnected, we do not know who is still there.
      return door.connected() ? store.touch(ctx.now()) : undefined
    })
  }

  const { host, port } = config.fastagi
  if (port !== undefined) {
    const options = { ctx, log, host, port, digits: config.digits, country: config.sip.country }
    const agi = await serveAgi(options)
    parts.defer(() => agi.stop(GRACE_MS))
    log.info({ host, port: agi.port }, 'FastAGI is served')
  }

  const running = parts.move()
  return {
    httpPort,
    async stop() {
      await running.disposeAsync()
      log.info('stopped')
    },
  }
}

/** Below the spool folder of our own Asterisk, or where Debian's Asterisk has it. */
function recordingsFolder({ data, asterisk: { ariUrl, recordings } }: Config): string {
  if (recordings !== undefined) return recordings
  return ariUrl === undefined ? path.join(data, 'asterisk/spool/recording') : '/var/spool/asterisk/recording'
}

function deliver(
  config: Config,
  ctx: Context,
  links: Links,
  log: Logger,
  onError: (error: unknown) => void,
): Loop {
  return startDelivery({
    store: ctx.store,
    now: ctx.now,
    allowPrivate: config.webhooks.allowPrivate,
    shape: (event) => bodyOf(event, links),
    onAttempt: (attempt) => log.info(attempt, 'delivery'),
    onError,
  })
}

type Later = { door?: CallDoor; audit?: StartAudit }

async function readiness(config: Config, store: Store, { door, audit }: Later) {
  const asterisk = config.asterisk.mode === 'none' ? 'off' : door?.connected() ? 'ok' : 'not connected'
  const { waiting, dead } = await store.deliveryCounts()
  const checks = {
    store: 'ok',
    asterisk,
    deliveries: `${waiting} waiting, ${dead} given up`,
    ledger: audit?.state() ?? 'being audited',
  }
  return { ready: asterisk !== 'not connected', checks }
}

function closeServer(server: Server): void {
  server.close()
  server.closeAllConnections()
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
    contexts: config.pins.contexts ?? [],
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
      await own?.leaveAlone()
      await door.stop(GRACE_MS)
      if (door.talking() > 0) log.info({ calls: door.talking() }, 'calls go on without us; Asterisk stays up')
      else await own?.stop()
    },
  }
}

/** The Asterisk that this machine runs for us: it is started again whenever it dies. */
async function ownAsterisk(config: Config, secrets: Secrets, log: Logger) {
  const start = () => startAsterisk(asteriskSettings(config, secrets), (line) => log.info(line))
  let asterisk: LocalAsterisk = await start()
  let reviving: Promise<void> | undefined
  const wanted = new AbortController()

  async function revive(): Promise<void> {
    while (!wanted.signal.aborted) {
      try {
        asterisk = await start()
        return
      } catch (error) {
        log.error({ err: error }, 'Asterisk does not come up')
        await new Promise((resolve) => setTimeout(resolve, REVIVE_MS))
      }
    }
  }

  return {
    url: asterisk.ariUrl,
    revive() {
      reviving ??= revive().finally(() => (reviving = undefined))
    },
    async leaveAlone() {
      wanted.abort()
      await reviving
    },
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
    ...(sip.trunkMatch !== undefined && { trunkMatch: sip.trunkMatch }),
    ...(sip.mediaAddress !== undefined && { mediaAddress: sip.mediaAddress }),
    ...(sip.externalAddress !== undefined && { externalAddress: sip.externalAddress }),
  }
}
