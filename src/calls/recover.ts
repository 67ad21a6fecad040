import type { CallRecord } from '../engine/calls.ts'
import type { Snapshot } from './ari.ts'
import type { Answered } from './call.ts'

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
 * have been told what they missed and look after themselves. Pure.
 */
export function recovery(
  application: string,
  records: CallRecord[],
  { channels, bridges }: Snapshot,
  live: ReadonlyMap<string, { channelId: string }>,
): Recovery {
  const exists = new Set(channels.map(({ id }) => id))
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
    else if (exists.has(channelId) && record.state !== 'talking') apologise.push({ channelId, record })
    else close.push(record)
  }

  const kept = new Set([...live.keys(), ...adopt.map(({ record }) => record.id)])
  const callers = new Set([
    ...[...live.values()].map(({ channelId }) => channelId),
    ...adopt.map(({ record }) => record.channelId),
    ...apologise.map(({ channelId }) => channelId),
  ])
  const belongs = (id: string) => [...kept].some((callId) => id.startsWith(`${application}-${callId}`))
  const hangUp: string[] = []
  for (const { id, dialplan } of channels) {
    const waits = dialplan.app_name === 'Stasis' && dialplan.app_data.split(',', 1)[0] === application
    if (callers.has(id) || belongs(id)) continue
    if (isOurs(application, id) || close.some(({ channelId }) => channelId === id)) hangUp.push(id)
    else if (waits) apologise.push({ channelId: id, record: undefined })
  }
  const removeBridges = bridges.map(({ id }) => id).filter((id) => isOurs(application, id) && !belongs(id))
  return { adopt, apologise, close, hangUp, removeBridges }
}

/** Whether we chose this id, for a call or for a leg of one. The name of another application may begin with ours. */
function isOurs(application: string, id: string): boolean {
  const rest = id.startsWith(`${application}-`) ? id.slice(application.length + 1) : ''
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.test(rest)
}
