import type { Commit } from './group-commit.ts'

/**
 * One piece of long work after the other, whoever asks: all work of one turn of the event loop shares a transaction, and callers
 * wait for it.
 */
export function oneAtATime(commit: Commit): Commit {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const mine = last.then(() => commit(work))
    last = mine.catch(() => undefined)
    return mine
  }
}
