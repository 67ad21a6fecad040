import path from 'node:path'
import { expect } from '@jest/globals'
import { openSqlite } from '../../src/store/sqlite.ts'
import { wallClock } from '../../src/engine/time.ts'
import type { Store } from '../../src/engine/store.ts'
import type { Step } from './sip-script.ts'
import type { Stage } from './stage.ts'
import type { Witness } from './witness.ts'

/** A number of the flow pin-line, and another one for its other database. */
export const LINE = '+916292134466'
export const SECOND_LINE = '+916292134467'
export const DATABASE = '7'
export const SECOND_DATABASE = '9'

/** The time zone of accounts unless another is chosen. */
const ZONE = 'Asia/Kolkata'

export const media = {
  ask: 'sound:pinbridge/enter-pin',
  wrong: 'sound:pinbridge/pin-wrong',
  right: 'sound:auth-thankyou',
  goodbye: 'sound:vm-goodbye',
  later: 'sound:pinbridge/try-later',
}

/** The prompts that are begun for whoever keys three PINs, each while the prompt plays, and none of them right. */
export const REFUSED = [media.ask, media.wrong, media.wrong, media.wrong, media.goodbye]

/** After so long the first of the prompts plays, and is not over. */
const PROMPT_STARTS_MS = 700

/** Adds the two lines to the stage's account. */
export async function addLines(stage: Stage): Promise<void> {
  const line = ['--account', stage.sid, '--flow', 'pin-line', '--db']
  await stage.pinbridge('number', 'add', LINE, ...line, DATABASE)
  await stage.pinbridge('number', 'add', SECOND_LINE, ...line, SECOND_DATABASE)
}

/** `2026-11-22 12:00:00`, so many milliseconds from now, as the account writes it. */
export const fromNow = (ms: number): string => wallClock(Date.now() + ms, ZONE)

export async function writePins(
  stage: Stage,
  first: string,
  last = first,
  more: Record<string, string> = {},
) {
  await stage.pins({ action: 'write-pins', db: DATABASE, 'start-pin': first, 'end-pin': last, ...more })
}

/** The uses of one PIN yesterday and today: their keys, in order. */
export async function usesOf(stage: Stage, pin: string, db = DATABASE): Promise<string[]> {
  const lines: string[][] = []
  for (const date of new Set([fromNow(-86_400_000), fromNow(0)].map((one) => one.slice(0, 10)))) {
    const [year = '', month = '', day = ''] = date.split('-')
    lines.push(...(await stage.pins({ action: 'download-uses', db, year, month, day })))
  }
  return lines.filter(([used, number]) => used === pin && number === db).map(([, , , key = '']) => key)
}

export async function keysOf(stage: Stage, pin: string, db = DATABASE): Promise<string[]> {
  const lines = await stage.pins({ action: 'download-keys', db, pin })
  return lines.map(([, , key = '']) => key)
}

const stay: Step = { do: 'waitForHangUp' }

/** Keys one PIN after the other, each while the caller is asked for it. */
export function keying(...pins: string[]): Step[] {
  return pins.flatMap((pin): Step[] => [
    { do: 'wait', ms: PROMPT_STARTS_MS },
    { do: 'info', digits: `${pin}#` },
  ])
}

type Visit = { from: string; pins: string[]; to?: string }

/** One visit of a caller who keys these and waits to be hung up; resolves to the prompts that were begun. */
export async function visit(stage: Stage, witness: Witness, from: string, pins: string[], to = LINE) {
  const [heard = []] = await visits(stage, witness, [{ from, pins, to }])
  return heard
}

/** Several at once: the prompts that were begun for each, in whatever order the calls came. */
export async function visits(stage: Stage, { seen }: Witness, all: Visit[]): Promise<string[][]> {
  const before = seen.length
  const phones = await Promise.all(
    all.map(({ from, pins, to = LINE }) => stage.call(to, { from, steps: [...keying(...pins), stay] })),
  )
  for (const phone of phones) expect(await phone.ended).toBe(0)
  await stage.settled()
  const heard = new Map<string, string[]>()
  for (const { type, playback } of seen.slice(before)) {
    if (type !== 'PlaybackStarted' || !playback) continue
    heard.set(playback.target_uri, [...(heard.get(playback.target_uri) ?? []), playback.media_uri])
  }
  return [...heard.values()]
}

/** The database of the running application, opened beside it while `work` runs. */
export async function withStoreOf<T>(stage: Stage, work: (store: Store) => Promise<T>): Promise<T> {
  const store = openSqlite(path.join(stage.data, 'pinbridge.db'))
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}
