import { readFileSync, writeFileSync } from 'node:fs'
import Database, { type Statement } from 'better-sqlite3'
import type { Chance } from './chance.ts'

/** Where a process is killed. */
export const MOMENTS = [
  /** Between two turns of its event loop. */
  'between',
  /** When all of a transaction is done, and nothing of it is in the file for good. */
  'before-commit',
  /** While the commit is written: some of its bytes are there. */
  'within-commit',
  /** When it is written, and nobody has been told. */
  'after-commit',
] as const
export type Moment = (typeof MOMENTS)[number]

/** What a killed process leaves of its database. */
export type Remains = { main: Buffer; wal: Buffer }

type Commit = () => unknown

let aroundCommit: ((db: Database.Database, commit: Commit) => unknown) | undefined

/**
 * Lets every commit of a store go through the hook. What SQLite writes is written by this process, in one go with the commit:
 * so what is in the files at any of these moments is what a process that is killed right then leaves to the next.
 */
export function watchCommits(): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with what it belongs to
  const prepare = Database.prototype.prepare
  Database.prototype.prepare = function (this: Database.Database, sql: string) {
    const statement = prepare.call(this, sql) as Statement
    if (sql === 'commit') {
      const run = statement.run.bind(statement)
      statement.run = (() => (aroundCommit ? aroundCommit(this, run) : run())) as typeof statement.run
    }
    return statement
  } as typeof prepare
}

/** The files of a database as they are at this instant. */
export function remainsOf(file: string): Remains {
  return { main: readFileSync(file), wal: walOf(file) }
}

function walOf(file: string): Buffer {
  try {
    return readFileSync(`${file}-wal`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return Buffer.alloc(0)
  }
}

export function bury(remains: Remains, file: string): void {
  writeFileSync(file, remains.main)
  writeFileSync(`${file}-wal`, remains.wal)
}

/** Resolves, in the midst of the given commit of this file, counted from now on, to what the process would leave. */
export function killedAt(
  file: string,
  moment: Exclude<Moment, 'between'>,
  after: number,
  chance: Chance,
  onKill: (remains: Remains) => void,
): void {
  let left = after
  aroundCommit = (db, commit) => {
    if (db.name !== file || left-- > 0) return commit()
    aroundCommit = undefined
    const before = remainsOf(file)
    if (moment === 'before-commit') onKill(before)
    const result = commit()
    if (moment === 'after-commit') onKill(remainsOf(file))
    if (moment === 'within-commit') onKill(halfWay(before, remainsOf(file), chance))
    return result
  }
}

/** No commit is watched any more. */
export function unwatch(): void {
  aroundCommit = undefined
}

/** The log is written first, and the database itself only after it, if at all. */
function halfWay(before: Remains, after: Remains, chance: Chance): Remains {
  if (after.main.equals(before.main))
    return { main: after.main, wal: halfWritten(before.wal, after.wal, chance) }
  return { main: halfWritten(before.main, after.main, chance), wal: after.wal }
}

/** A file is written from its beginning or its end on, one byte after the other. */
function halfWritten(before: Buffer, after: Buffer, chance: Chance): Buffer {
  const end = Math.max(before.length, after.length)
  let same = 0
  while (same < end && before[same] === after[same]) same++
  const written = same + chance.int(Math.max(end - same, 1))
  return Buffer.concat([after.subarray(0, written), before.subarray(written)])
}
