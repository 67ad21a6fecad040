import type { Ari } from './ari.ts'
import type { Place } from './call.ts'
import type { Caller } from './caller.ts'

/** Sends the caller on in the dialplan (Call.continueAt). `contexts`: where callers may be sent. */
export async function sendTo(
  ari: Ari,
  caller: Caller,
  contexts: readonly string[],
  { context, extension, variables }: Place,
): Promise<void> {
  const channel = `channels/${caller.channelId}`

  /** Asterisk would take a caller sent to a place that is not there for one who hung up. */
  async function isPlace(extension: string): Promise<boolean> {
    const where = encodeURIComponent(`DIALPLAN_EXISTS(${context},${extension},1)`)
    // An Asterisk without this function cannot tell.
    const found = await ari.request('GET', `${channel}/variable?variable=${where}`).catch(() => undefined)
    return (found as { value: string } | undefined)?.value !== '0'
  }

  if (!contexts.includes(context))
    throw new Error(`callers may not be sent to the context ${context}: see pins.contexts`)
  // The one for what matches nothing else.
  if (!(await isPlace(extension)) && !(await isPlace('i')))
    throw new Error(`the dialplan has no ${extension} in the context ${context}`)
  for (const [variable, value] of Object.entries(variables))
    await caller.act('POST', `${channel}/variable`, { variable, value })
  await caller.sendAway(`${channel}/continue`, { context, extension, priority: 1 })
}
