import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { installation, SLOW_MS, type Installation } from './command.ts'
import { keyboard, word, type Keyboard } from './readme.ts'

let pinbridge: Installation
let readme: Keyboard

beforeEach(async () => {
  pinbridge = installation()
  readme = keyboard('cards', pinbridge, await pinbridge.serve())
}, SLOW_MS)
afterEach(async () => {
  await pinbridge.close()
  readme.close()
})

test(
  'prepaid cards from nothing, as the README says',
  async () => {
    const { titles, folder, keyed } = readme
    expect(titles).toEqual(['set-up', '42com', 'mor', 'one card', 'anna', 'shop'])
    const setUp = await keyed(['set-up'])
    const TALK_PASSWORD = word(setUp, '42com password')
    expect(setUp).toMatch(/\nnumber,pin\n1000000025,\d{10}\n/)
    expect(setUp).toMatch(/\nnumber +\+491771234567\ncalled +yes\n/)

    const first = await keyed(['42com'], { TALK_PASSWORD })
    const [insert, block, rates] = first
      .split('}{')
      .map((one) => one.replace(/^(?!{)/, '{').replace(/(?<!})$/, '}'))
    for (const answer of [insert, block, rates]) expect(answer).toContain('"codes":[{"code":200,')
    expect(insert).toContain('"CLI":"4917712345678","Amount":"5,00 EUR","AmountAll":"5,00 EUR"')
    expect(block).toContain('"active":""')
    expect(rates).toMatch(/"01771234567".*"Germany Mobile".*"0,10".*"030123456".*"Germany".*"0,04"/)

    const mor = await keyed(['mor'], { MOR_KEY: word(setUp, 'MOR secret key') })
    expect(mor).toContain('<card_callerid>+4917712345678</card_callerid>')
    expect(mor).toContain('<status>Cards created: 3/3</status>')

    const ANNA_PASSWORD = word(await keyed(['one card']), 'with this password:\n\n')
    const vouchers = readFileSync(path.join(folder, 'vouchers.csv'), 'utf8').trimEnd().split('\n')
    expect(vouchers).toHaveLength(11)
    const [, VOUCHER_PIN = ''] = vouchers[1]?.split(',') ?? []
    const anna = await keyed(['42com', 'anna'], { TALK_PASSWORD, ANNA_PASSWORD, VOUCHER_PIN })
    expect(anna.match(/"codes":\[\{"code":\d+/g)).toEqual(
      Array.from({ length: 4 }, () => '"codes":[{"code":200'),
    )
    expect(anna).toMatch(/"callId":"[-0-9A-Fa-f]{36}"/)
    expect(anna).toMatch(/"username":"line-\w+"/)
    expect(anna).toContain('"amount":"15,0000"')

    const shop = await keyed(['shop'])
    expect(shop).toMatch(/\nbalance +15\.00 EUR\n/)
    expect(shop).toContain('12.50 EUR are on card 1000000025 now, 27.50 EUR in all.')
    expect(shop).toContain('Nobody can call with card 1000000026 any more.')
    expect(shop).toMatch(/\nmor +clerk +- +accountant-no-pins +-\n/)
    expect(shop).toMatch(/\n15 cards, 17 lines of the ledger: all adds up\.\n$/)
  },
  SLOW_MS,
)
