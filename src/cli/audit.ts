import type { Command } from 'commander'
import { lastingFindings, MOST_FINDINGS } from '../audit.ts'
import { loadConfig } from '../config.ts'
import type { AuditFinding, AuditPart } from '../engine/paid-call-store.ts'
import type { Store } from '../engine/store.ts'
import { jsonOption } from './options.ts'
import { print, table } from './output.ts'
import { showProgress, type Progress } from './progress.ts'
import { withStore } from './store.ts'

/** Before a second look, in milliseconds: a call that ends meanwhile is no finding. */
const SECOND_LOOK_MS = 1_000

/** `pinbridge audit`: proves all money from the lines of the ledger. Exit code 1 when something does not add up. */
export function addAuditCommand(program: Command): void {
  program
    .command('audit')
    .description('prove the money of all cards from the lines of the ledger; changes nothing')
    .addOption(jsonOption())
    .action(audit)
}

async function audit({ json }: { json?: true }): Promise<void> {
  const { findings, cards, lines } = await withStore(loadConfig(), async (store) => {
    const size = await store.auditSize()
    const bars = progressOf(size.cards + size.lines)
    try {
      const onLooked = (part: AuditPart, rows: number) => bars[part].at(rows)
      const found = await lastingFindings(store, { pauseMs: SECOND_LOOK_MS, onLooked })
      return { ...size, findings: await Promise.all(found.map((one) => named(store, one))) }
    } finally {
      for (const bar of Object.values(bars)) bar.end()
    }
  })
  const size = `${cards} cards, ${lines} lines of the ledger`
  const more = findings.length === MOST_FINDINGS ? ', and there may be more' : ''
  const rows = findings.map(({ what, account, card, detail }) => [what, account ?? '-', card ?? '-', detail])
  const people =
    rows.length === 0
      ? `${size}: all adds up.`
      : `${table([['WHAT', 'ACCOUNT', 'CARD', 'FOUND'], ...rows])}\n\n${size}: ${rows.length} findings${more}.`
  print(json, { ok: findings.length === 0, cards, lines, findings }, people)
  if (findings.length > 0) process.exitCode = 1
}

/** Only of the first part it is known how long it is. */
function progressOf(ledgerRows: number): Record<AuditPart, Progress> {
  return {
    ledger: showProgress('cards and lines of the ledger:', ledgerRows),
    calls: showProgress('calls:'),
    vouchers: showProgress('vouchers:'),
    holds: showProgress('calls that run:'),
  }
}

/** With the number that is printed on the card. */
async function named(store: Store, { what, cardId, detail }: AuditFinding) {
  for (const { id: accountId, sid } of await store.accounts()) {
    const card = await store.findCard({ accountId, id: cardId })
    if (card) return { what, cardId, account: sid, card: card.number, detail }
  }
  return { what, cardId, account: null, card: null, detail }
}
