import type { Logger } from 'pino'
import { callNotRecorded, endCall, type CallEnd, type CallRecord } from '../engine/calls.ts'
import type { Context } from '../engine/context.ts'
import type { AriCallOptions } from './ari-call.ts'
import type { Ari, Snapshot } from './ari.ts'
import { OUT_OF_ORDER, turnAway, type Answered, type Call } from './call.ts'
import { resumeTalk } from './flows/connect.ts'
import { resumePaidTalk } from './flows/paid-call.ts'
import { isIn, isOurs } from './ours.ts'
import { closeHolds, payingFor } from './recover-holds.ts'
import { mayBeRecorded } from './recording.ts'

/** What has to be done so that the records and Asterisk agree again. */
export type Recovery = {
  /** Two people talk, and nobody watches them. */
  adopt: { record: CallRecord; answered: Answered }[]
  /** A caller waits for a script that is not running any more. */
  apologise: { channelId: string; record: CallRecord | undefined }[]
  /** The record is open, the caller is gone. */
  close: CallRecord[]
  /** Channels that belong to nothing. */
  hangUp: string[]
  /** Bridges that join nobody. */
  removeBridges: string[]
}

/**
 * Compares the open records with what Asterisk has. `live` are the calls whose scripts run in this process: they
 * have been told what they missed and look after themselves and the channels they wait for. Pure.
 */
export function recovery(
  application: string,
  records: CallRecord[],
  { channels, bridges }: Snapshot,
  live: ReadonlyMap<string, { channelId: string }>,
  waitsFor: (channelId: string) => boolean,
): Recovery {
  // One that has gone on in the dialplan is not ours any more.
  const here = new Set(channels.filter((channel) => isIn(application, channel)).map(({ id }) => id))
  const left = records.filter(({ id }) => !live.has(id))
  const adopt: Recovery['adopt'] = []
  const apologise: Recovery['apologise'] = []
  const close: CallRecord[] = []
  for (const record of left) {
    const { id, channelId, to, toChannelId } = record
    const bridge = bridges.find((candidate) => candidate.id === `${application}-${id}`)
    const together =
      toChannelId !== undefined && [channelId, toChannelId].every((one) => bridge?.channels.includes(one))
    if (together && to !== undefined) adopt.push({ record, answered: { number: to, channelId: toChannelId } })
    else if (here.has(channelId) && record.state !== 'talking') apologise.push({ channelId, record })
    else close.push(record)
  }

  const kept = new Set([...live.keys(), ...adopt.map(({ record }) => record.id)])
  const known = new Set([
    ...[...live.values()].map(({ channelId }) => channelId),
    ...adopt.flatMap(({ record, answered }) => [record.channelId, answered.channelId]),
    ...apologise.map(({ channelId }) => channelId),
  ])
  const belongs = (id: string) => [...kept].some((callId) => id.startsWith(`${application}-${callId}`))
  const hangUp: string[] = []
  for (const { id } of channels) {
    if (known.has(id) || waitsFor(id)) continue
    if (isOurs(application, id)) hangUp.push(id)
    else if (!here.has(id)) continue
    else if (close.some(({ channelId }) => channelId === id)) hangUp.push(id)
    else apologise.push({ channelId: id, record: undefined })
  }
  const removeBridges = bridges.map(({ id }) => id).filter((id) => isOurs(application, id) && !belongs(id))
  return { adopt, apologise, close, hangUp, removeBridges }
}

/** What recovering needs of the call door. */
export type Desk = {
  ctx: Context
  log: Logger
  ari: Ari
  live: ReadonlyMap<string, { channelId: string }>
  /** Ids of calls whose first party we ring ourselves, and who has not answered yet. */
  placing: () => Iterable<string>
  newCall: (what: Pick<AriCallOptions, 'channelId' | 'from' | 'adopted'> & { id?: string }) => Call
  run: (call: Call, script: () => Promise<void>) => void
  close: (id: string, end: CallEnd) => Promise<void>
  /** Until it succeeds or we stop. Never rejects. */
  keepTrying: (id: string, work: () => Promise<void>) => Promise<void>
}

/** Does what `recovery` finds to be done. No event comes before this has ended, so it waits for none. */
export async function recover(desk: Desk, snapshot: Snapshot): Promise<void> {
  const { ctx, log, ari, live, newCall, run } = desk
  // The process may have died between saying that there would be a recording and having it made.
  const checkRecording = async ({ id, recordedUntil }: CallRecord) => {
    if (recordedUntil !== undefined && !(await mayBeRecorded(ari, id)))
      await callNotRecorded(ctx, id).catch(() => undefined)
  }
  const close = async (record: CallRecord, endedAt: number) => {
    await checkRecording(record)
    await desk.close(record.id, { endedAt })
  }
  const records = await ctx.store.openCalls()
  const holds = await ctx.store.openHolds()
  const lastAlive = await ctx.store.lastAlive()
  const todo = recovery(ari.application, records, snapshot, live, ari.waitsFor)
  for (const { record, answered: adopted } of todo.adopt) {
    const { id, channelId, from } = record
    const call = newCall({ id, channelId, from: () => from, adopted })
    const paid = await payingFor(ctx, id, holds)
    run(call, async () => {
      await checkRecording(record)
      await resumeTalk(
        call,
        ctx,
        adopted,
        paid && (() => resumePaidTalk(call, ctx, { ...paid, answered: adopted })),
      )
    })
  }
  // Before anything is hung up: what ends by that has ended before.
  const lookedAfter = new Set([
    ...live.keys(),
    ...desk.placing(),
    ...todo.adopt.map(({ record }) => record.id),
  ])
  const holdsLeft = await closeHolds(desk, holds, lookedAfter, lastAlive)
  for (const { channelId, record } of todo.apologise) {
    const call = newCall({ channelId, from: () => record?.from, ...(record && { id: record.id }) })
    run(call, async () => {
      if (record) await endCall(ctx, record.id, { by: 'us' })
      await turnAway(call, 'try-later', OUT_OF_ORDER)
    })
  }
  // Not awaited: a store that is full must not keep us away from the calls that are up.
  for (const record of todo.close) void close(record, lastAlive ?? record.startedAt)
  // One at a time: Asterisk has crashed on bridges that were deleted together (asterisk/asterisk#1201).
  const remove = (uri: string) => ari.request('DELETE', uri).catch(() => undefined)
  for (const id of todo.hangUp) await remove(`channels/${id}`)
  for (const id of todo.removeBridges) await remove(`bridges/${id}`)
  log.info({ ...counts(todo), holdsLeft }, 'agreed with Asterisk')
}

function counts(recovery: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(recovery).map(([what, list]) => [what, (list as unknown[]).length]),
  )
}
