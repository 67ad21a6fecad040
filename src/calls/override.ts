import { FLOW_NAMES, type FlowName, type VirtualNumber } from '../engine/accounts.ts'
import { MAX_DATABASE } from '../engine/pin-databases.ts'

/**
 * What a dialplan of one's own asks for this call, in the arguments of Stasis(): `Stasis(pinbridge,pin-line,db=7)` takes
 * that flow and that database instead of those of the number. Without arguments the number is left as it is.
 * Throws on anything else.
 */
export function asked(vn: VirtualNumber, [name, ...more]: readonly string[]): VirtualNumber {
  if (name === undefined) return vn
  const flow = FLOW_NAMES.find((one) => one === name)
  if (!flow) throw new Error(`Stasis() was asked for a flow that is not one of ${FLOW_NAMES.join(', ')}`)
  const { number, accountId } = vn
  if (more.length === 0) return { ...vn, flow }
  return { number, accountId, flow, database: databaseIn(flow, more) }
}

function databaseIn(flow: FlowName, more: readonly string[]): number {
  const [, digits] = more.length === 1 ? (/^db=(\d{1,4})$/.exec(more[0] ?? '') ?? []) : []
  const database = Number(digits)
  if (flow === 'pin-line' && database >= 1 && database <= MAX_DATABASE) return database
  throw new Error(
    `Stasis() was given what ${flow} does not take: only pin-line takes anything, db=1 to db=${MAX_DATABASE}`,
  )
}
