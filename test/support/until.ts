const LOOK_AGAIN_MS = 20

/** Repeats an assertion until it holds; after `atMostMs` (default 5 s) throws what it threw last. */
export async function until(
  assertion: () => void | Promise<void>,
  { atMostMs = 5_000 }: { atMostMs?: number } = {},
): Promise<void> {
  const giveUpAt = performance.now() + atMostMs
  for (;;) {
    try {
      await assertion()
      return
    } catch (error) {
      if (performance.now() >= giveUpAt) throw error
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    }
  }
}
