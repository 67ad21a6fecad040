import type { Database } from 'better-sqlite3'
import type { PinStore } from '../../engine/pin-store.ts'
import type { Commit } from './group-commit.ts'
import { guesses } from './guesses.ts'
import { pinKeys } from './pin-keys.ts'
import { ms, text } from './time.ts'

type PinChecks = Pick<PinStore, 'checkPin' | 'guessTallies' | 'forgiveGuesses' | 'forgetGuesses'>

type Sought = { accountId: string; number: number; pin: string; key: string }
type Around = [
  databaseId: number,
  maxKeys: number,
  known: 0 | 1,
  keys: number | null,
  pinsAlike: number | null,
]
type PinRow = [beginsAt: string | null, expiresAt: string | null]

/** No database has it: a PIN of one that is not there is looked up like any other. */
const NO_ID = -1

/** Looking a PIN up, and what a right and a wrong one leave behind. */
export function pinChecks(db: Database, commit: Commit): PinChecks {
  const { tallies, keepBlame, list, forgive, forget } = guesses(db)
  const { addKey } = pinKeys(db)
  // Of all ways to ask for this, subqueries are the quickest: joins take five times as long.
  const lookAround = db
    .prepare<[Sought], Around>(
      `select id, max_keys,
         exists (select 1 from pin_key where database_id = d.id and pin = @pin and key = @key),
         (select keys from pin_key_count where database_id = d.id and pin = @pin),
         (select pins from pin_length where database_id = d.id and length = length(@pin))
       from pin_database d where account_id = @accountId and number = @number`,
    )
    .raw()
  const findPin = db
    .prepare<[number, string], PinRow>(
      `select begins_at, expires_at from pin where database_id = ? and pin = ?`,
    )
    .raw()
  const addUse = db.prepare<[number, string, string, string]>(
    `insert into pin_use (database_id, at, pin, key) values (?, ?, ?, ?)`,
  )

  return {
    checkPin: ({ guesser, ...sought }, decide) =>
      commit(() => {
        const { pin, key } = sought
        const [id = NO_ID, maxKeys, known, keys, pinsAlike] = lookAround.get(sought) ?? []
        const found = findPin.get(id, pin)
        const { use, blame, result } = decide({
          maxKeys,
          pin: found && { beginsAt: ms(found[0]), expiresAt: ms(found[1]) },
          keys: keys ?? 0,
          suspicion: { tallies: tallies(guesser), known: known === 1, pinsAlike: pinsAlike ?? 0 },
        })
        keepBlame(guesser, blame)
        if (use) {
          const at = text(use.at)
          addUse.run(id, at, pin, key)
          if (known !== 1) addKey(id, pin, key, at)
        }
        return result
      }),
    guessTallies: (now, limit, scope) => Promise.resolve(list(now, limit, scope)),
    forgiveGuesses: (scope, name) => commit(() => forgive(scope, name)),
    forgetGuesses: (now, limit) => commit(() => forget(now, limit)),
  }
}
