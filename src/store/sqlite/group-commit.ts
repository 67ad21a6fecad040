import type { Database } from 'better-sqlite3'

/** Runs `work` in a transaction and resolves with its result once that is on the disk. */
export type Commit = <R>(work: () => R) => Promise<R>

type Item = { run: () => void; done: () => void; fail: (error: unknown) => void }

/** Shorter than the pauses that our own long work in another process makes. */
const BUSY_RETRY_MS = 2
const BUSY_LIMIT_MS = 5_000

/**
 * Puts all work that arrives within one turn of the event loop into one transaction: durable commits cost one
 * fsync each, so ten calls that share one are ten times cheaper, and nobody is answered before it.
 * Each piece of work has a savepoint of its own, so that one that throws takes nothing of the others with it.
 */
export function groupCommit(db: Database): Commit {
  const begin = db.prepare('begin immediate')
  const commit = db.prepare('commit')
  const rollback = db.prepare('rollback')
  const savepoint = db.prepare('savepoint work')
  const release = db.prepare('release work')
  const undo = db.prepare('rollback to work')
  let waiting: Item[] = []
  let busySince: number | undefined

  function flush(): void {
    if (!db.open) return failAll(takeAll(), new Error('the store is closed'))
    if (!began()) return
    const items = takeAll()
    let kept: Item[]
    try {
      kept = items.filter(runOne)
      commit.run()
    } catch (error) {
      if (db.inTransaction) rollback.run()
      return failAll(items, error)
    }
    for (const item of kept) item.done()
  }

  /** Another process (the command line, a backup) may hold the lock for a moment: wait without blocking the loop. */
  function began(): boolean {
    try {
      begin.run()
      busySince = undefined
      return true
    } catch (error) {
      busySince ??= Date.now()
      const busy = (error as { code?: string }).code?.startsWith('SQLITE_BUSY')
      if (busy && Date.now() - busySince < BUSY_LIMIT_MS) {
        setTimeout(flush, BUSY_RETRY_MS)
      } else {
        busySince = undefined
        failAll(takeAll(), error)
      }
      return false
    }
  }

  function runOne(item: Item): boolean {
    savepoint.run()
    try {
      item.run()
      release.run()
      return true
    } catch (error) {
      // A full disk, say, ends the whole transaction, and what went well before is lost with it.
      if (!db.inTransaction) throw error
      undo.run()
      release.run()
      item.fail(error)
      return false
    }
  }

  function takeAll(): Item[] {
    const items = waiting
    waiting = []
    return items
  }

  function failAll(items: Item[], error: unknown): void {
    for (const item of items) item.fail(error)
  }

  return <R>(work: () => R) =>
    new Promise<R>((resolve, reject) => {
      let result: R
      const item: Item = {
        run: () => (result = work()),
        done: () => resolve(result),
        fail: reject,
      }
      if (waiting.push(item) === 1 && busySince === undefined) setImmediate(flush)
    })
}
