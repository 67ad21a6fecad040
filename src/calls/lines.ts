import type { Logger } from 'pino'
import type { VoipLine } from '../engine/paid-call-store.ts'
import type { Context } from '../engine/context.ts'
import { startLoop } from '../loop.ts'
import { AriError } from './ari-socket.ts'
import type { Ari } from './ari.ts'
import { isLine, lineObjects, objectUri, REMOVAL, TRUNK, type Tuple } from './line-objects.ts'

/** How often is looked for lines that were added or removed, in milliseconds. */
const LOOK_MS = 1_000

/** Keeps Asterisk's SIP accounts as the account's lines are. */
export type LineDesk = {
  /** To be called with every connection: what Asterisk knows is not known any more. */
  reconnected: () => void
  stop: () => Promise<void>
}

/** What we believe Asterisk to know. */
type Known = {
  /** By name, the password; undefined: Asterisk has one of which that is not known. */
  lines: Map<string, string | undefined>
  /** The trunk's options, once they were needed. */
  trunk: Tuple[] | undefined
}

/**
 * Tells Asterisk of all lines, and of each that comes or goes, within a second. An Asterisk that does not take them is
 * complained about once a connection. Without any line it is only asked which endpoints it has.
 */
export function serveLines({ ari, ctx, log }: { ari: Ari; ctx: Context; log: Logger }): LineDesk {
  let known: Known | undefined
  let stopping = false

  async function look(): Promise<number> {
    if (ari.connected()) await agree()
    return ctx.now() + LOOK_MS
  }

  async function agree(): Promise<void> {
    const wanted = new Map((await ctx.store.lines()).map((line) => [line.username, line]))
    // A connection that comes meanwhile puts another in its place, and this one is forgotten.
    const told = (known ??= await found(wanted))
    const refusals: AriError[] = []
    const attempt = (work: Promise<void>) => work.catch((error: unknown) => refusals.push(refusal(error)))
    for (const name of told.lines.keys()) {
      if (wanted.has(name) || stopping) continue
      await attempt(remove(name))
      told.lines.delete(name)
    }
    for (const line of wanted.values()) {
      if (told.lines.get(line.username) === line.password || stopping) continue
      told.trunk ??= await optionsOf(TRUNK)
      await attempt(tell(line, told.trunk))
      told.lines.set(line.username, line.password)
    }
    const [err] = refusals
    if (err)
      log.error({ lines: refusals.length, err }, 'Asterisk does not take VoIP lines: see etc/sorcery.conf')
  }

  /** Lines that were removed while we were away. Those that are wanted are told anew. */
  async function found(wanted: ReadonlyMap<string, VoipLine>): Promise<Known> {
    const endpoints = ((await unlessGone(ari.request('GET', 'endpoints/PJSIP'))) ?? []) as {
      resource: string
    }[]
    const stale: string[] = []
    for (const { resource: name } of endpoints)
      if (!wanted.has(name) && isLine(await optionsOf(name), ari.application)) stale.push(name)
    return { lines: new Map(stale.map((name) => [name, undefined])), trunk: undefined }
  }

  async function optionsOf(endpoint: string): Promise<Tuple[]> {
    return ((await unlessGone(ari.request('GET', objectUri('endpoint', endpoint)))) ?? []) as Tuple[]
  }

  async function tell(line: VoipLine, trunk: Tuple[]): Promise<void> {
    for (const { type, options } of lineObjects(line, ari.application, trunk)) {
      const fields = Object.entries(options).map(([attribute, value]) => ({ attribute, value }))
      await ari.request('PUT', objectUri(type, line.username), { fields })
    }
  }

  async function remove(name: string): Promise<void> {
    for (const type of REMOVAL) await unlessGone(ari.request('DELETE', objectUri(type, name)))
  }

  const onError = (error: unknown) => {
    // Without an answer there is no connection, which is said elsewhere.
    if (!(error instanceof AriError) || error.status !== 0)
      log.error({ err: error }, 'VoIP lines cannot be looked after')
  }
  const loop = startLoop(look, { now: ctx.now, onError })
  return {
    reconnected: () => (known = undefined),
    stop() {
      stopping = true
      return loop.stop()
    },
  }
}

/** Asterisk's no. Anything else, no answer among it, is thrown. */
function refusal(error: unknown): AriError {
  if (error instanceof AriError && error.status !== 0) return error
  throw error
}

/** 404: it is as wanted already. */
async function unlessGone(request: Promise<unknown>): Promise<unknown> {
  return request.catch((error: unknown) => {
    if (error instanceof AriError && error.status === 404) return undefined
    throw error
  })
}
