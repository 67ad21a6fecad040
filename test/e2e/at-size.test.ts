import { readFileSync, statSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { useStage } from '../support/stage.ts'

const stage = useStage()

const MANY = 400_000
const READERS = 10
const MIB = 2 ** 20

/** Asks for a whole database, and takes nothing of it until it is told to. */
function slowReader(parameters: Record<string, string>): Promise<IncomingMessage> {
  const query = new URLSearchParams(parameters).toString()
  return new Promise((resolve, reject) => {
    const asked = request(`${stage().http}/simple-pins/?${query}`, { agent: false }, (answer) => {
      resolve(answer.pause())
    })
    asked.on('error', reject).end()
  })
}

async function linesOf(answer: IncomingMessage): Promise<number> {
  let lines = 0
  for await (const chunk of answer) {
    const bytes = chunk as Buffer
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++
  }
  return lines
}

function rssBytes(): number {
  const status = readFileSync(`/proc/${stage().app().pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

const walBytes = () => statSync(path.join(stage().data, 'pinbridge.db-wal')).size
const all = (db: string) => ({ db, 'start-pin': '00000000', 'end-pin': String(MANY - 1).padStart(8, '0') })

test('PINs are checked while many are written and slow readers hold their downloads', async () => {
  await stage().pins({ action: 'write-pins', ...all('1') })
  const login = stage().pinsLogin
  const readers = await Promise.all(
    Array.from({ length: READERS }, () => slowReader({ ...login, action: 'download-db', db: '1' })),
  )
  const before = rssBytes()
  let [mostWal, mostRss, checks] = [0, 0, 0]
  const write = { over: false }
  const writing = stage()
    .pins({ action: 'write-pins', ...all('2'), 'expires-at': '2099-01-01 00:00:00' })
    .finally(() => (write.over = true))
  // At least as many checks as show something, however quick the writing is.
  for (; !write.over || checks < 100; checks++) {
    const [line] = await stage().pins({
      action: 'check-pin',
      db: '1',
      pin: `0000${1_000 + checks}`,
      key: 'till-7',
    })
    expect(line).toEqual([`0000${1_000 + checks}`, '1', 'OK', '1'])
    mostWal = Math.max(mostWal, walBytes())
    mostRss = Math.max(mostRss, rssBytes())
  }
  expect(await writing).toEqual([])
  // The PINs with their dates are 18 MB, all of them in the WAL if a reader held a snapshot; ten downloads in memory, 500 MB.
  expect(mostWal).toBeLessThan(8 * MIB)
  expect(mostRss - before).toBeLessThan(256 * MIB)
  expect(await Promise.all(readers.map(linesOf))).toEqual(Array.from(readers, () => MANY))
  expect(await stage().pins({ action: 'download-dbs' })).toEqual([
    ['1', String(MANY)],
    ['2', String(MANY)],
  ])
  const connected = stage()
    .app()
    .log()
    .filter(({ msg }) => msg === 'connected to Asterisk')
  expect(connected).toHaveLength(1)
}, 60_000)
