import type { Party, PartyName } from './allocations.ts'
import type { Context } from './context.ts'
import { Refusal } from './errors.ts'
import { drawPins } from './pins.ts'
import type { Plan } from './plan.ts'
import type { PinQuery, Surroundings } from './store.ts'

/** PINs drawn for each one needed, so that a round rarely finds all of them in use. */
const CANDIDATES = 32
/** A round is lost only when others take everything that was drawn meanwhile. */
const ROUNDS = 5

/** For each party the PINs it could get, best first; undefined for a party without PIN. */
export type Candidates = Record<PartyName, string[] | undefined>

/**
 * What a round answers when it has to be repeated: all that was drawn is taken (`again`), or the plan was made of old
 * facts (`moved`). The latter loses no round: it means that somebody else got something done.
 */
export type Again = 'again' | 'moved'

/**
 * Runs `attempt` until it has decided, first with PINs drawn blindly and then with those that are free: the time it
 * takes does not depend on how full the virtual numbers are. Refusal 'no_free_pin' when nothing is left to draw.
 */
export async function inRounds<R>(attempt: (round: number) => Promise<R | Again>): Promise<R | Refusal> {
  for (let round = 0; round < ROUNDS;) {
    const result = await attempt(round)
    if (result !== 'again' && result !== 'moved') return result
    if (result === 'again') round++
  }
  return noFreePin()
}

/** Draws for the plan; undefined when a party cannot get a PIN any more. `round` 0 does not look what is in use. */
export async function drawFor(ctx: Context, plan: Plan, round: number): Promise<Candidates | undefined> {
  const draw = async ({ source, vns }: Plan['parties']['a']) => {
    if (source.kind === 'none') return undefined
    if (source.kind === 'fixed') return [source.pin]
    const inUse = round > 0 ? await ctx.store.pinsInUse(vns, source.length) : undefined
    return drawPins(ctx.randomInt, source.length, CANDIDATES, inUse)
  }
  const pins = { a: await draw(plan.parties.a), b: await draw(plan.parties.b) }
  return pins.a?.length === 0 || pins.b?.length === 0 ? undefined : pins
}

/** Where the candidates of both parties must be free. */
export function placesOf({ parties: { a, b } }: Plan, pins: Candidates): PinQuery {
  return { a: { vns: a.vns, pins: pins.a ?? [] }, b: { vns: b.vns, pins: pins.b ?? [] } }
}

/** Gives each party its PIN, of those that nobody else has. Part of a decision: pure. */
export function assign(
  plan: Plan,
  pins: Candidates,
  takenPins: Surroundings['takenPins'],
): Record<PartyName, Party> | Refusal | 'again' {
  const { parties } = plan
  const fixed = (name: PartyName) => {
    const { source } = parties[name]
    return source.kind === 'fixed' ? source.pin : undefined
  }
  if ((['a', 'b'] as const).some((name) => takenPins[name].has(fixed(name) ?? ''))) {
    return new Refusal('pin_taken', 'the PIN is in use on a virtual number')
  }
  const free = (name: PartyName, notThis: string | undefined) =>
    fixed(name) ?? pins[name]?.find((pin) => pin !== notThis && !takenPins[name].has(pin))
  const a = free('a', fixed('b'))
  const b = free('b', a)
  if ((pins.a && a === undefined) || (pins.b && b === undefined)) return 'again'
  return { a: party(parties.a, a), b: party(parties.b, b) }
}

export function noFreePin(): Refusal {
  return new Refusal('no_free_pin', 'every PIN of this length is in use on the virtual numbers')
}

function party({ numbers, vns }: Omit<Party, 'pin'>, pin: string | undefined): Party {
  return { numbers, vns, pin }
}
