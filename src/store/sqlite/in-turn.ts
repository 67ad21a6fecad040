const waiting: (() => void)[] = []

/**
 * After whatever else waits in the event loop, and one such piece of work in each of its turns: calls must not wait for a list
 * of many pages, nor for many who read one.
 */
export async function inTurn<T>(work: () => T): Promise<T> {
  await new Promise<void>((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(next)
  })
  return work()
}

function next(): void {
  waiting.shift()?.()
  if (waiting.length > 0) setImmediate(next)
}
