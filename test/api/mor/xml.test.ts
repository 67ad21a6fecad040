import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { xmlAround, xmlDocument, xmlOf } from '../../../src/api/xml.ts'
import type { Card } from '../../../src/engine/cards.ts'
import { cardsIn, hashFor, type Mor, openMor } from './client.ts'
import { parseXml } from './strict-xml.ts'

/** XML's own words (1.0, section 2.2), sign by sign. */
function withoutForbidden(text: string): string {
  return Array.from(text)
    .filter((character) => {
      const code = character.codePointAt(0)!
      if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd
      return (code <= 0xd7ff || code >= 0xe000) && code !== 0xfffe && code !== 0xffff
    })
    .join('')
}

const HOSTILE = [
  '</card_name><card_pin>0000</card_pin>',
  '&xxe;',
  '&amp;',
  '&#0;',
  '&#x41;',
  ']]>',
  '<![CDATA[x]]>',
  '<!DOCTYPE page [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>',
  '<!-- -- -->',
  '<?xml version="1.1"?>',
  '\0',
  '\ufffe\uffff',
  '\ud800',
  '\udc00\ud800',
  'a\ud83db\ude00c',
  '😀',
  '\u0085\u2028\u202e',
  '\u0001\u0008\u000b\u000c\u001f\u007f\u009f',
  '\r\n\r\n\t',
  ' ',
  '',
  `"'><`,
  'Ā ÿ ８ \ufeff',
  'x'.repeat(1_000_000),
  '<&>"\'\0\ud800\r'.repeat(125_000),
]

/** Any UTF-16, much of it what means something to XML. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
  fc
    .array(fc.constantFrom(...HOSTILE.filter(({ length }) => length < 100), 'a', 'é'))
    .map((parts) => parts.join('')),
)

describe('the writer of XML', () => {
  test.each(HOSTILE.map((text) => [text.slice(0, 40), text]))(
    'writes %j so that it is read as it was',
    (_name, text) => {
      expect(parseXml(xmlDocument(['name', text])).text).toBe(withoutForbidden(text))
    },
  )

  test('any text, in any place of a tree', () => {
    const tree = fc.letrec((tie) => ({
      element: fc.tuple(
        fc.constantFrom('a', 'card_name', 'page'),
        fc.oneof({ maxDepth: 3 }, anyText, fc.array(tie('element'), { minLength: 1, maxLength: 3 })),
      ),
    })).element as fc.Arbitrary<Written>
    fc.assert(
      fc.property(tree, (element) => {
        expect(parseXml(xmlDocument(element))).toEqual(read(element))
      }),
      { numRuns: 2_000 },
    )
  })

  test('one by one, elements stand where they stand in a whole document', () => {
    const cards: Written[] = [
      ['card', [['name', 'a & b']]],
      ['card', ''],
      ['card', [['name', '']]],
    ]
    const { open, depth, close } = xmlAround(['page', 'cards'])
    const whole = xmlDocument(['page', [['cards', cards]]])
    expect(open + cards.map((card) => xmlOf(card, depth)).join('') + close).toBe(whole)
    expect(whole).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<page>
  <cards>
    <card>
      <name>a &amp; b</name>
    </card>
    <card/>
    <card>
      <name/>
    </card>
  </cards>
</page>
`)
  })

  test('what nothing is left of is an empty element', () => {
    expect(xmlDocument(['a', '\0\ud800'])).toBe('<?xml version="1.0" encoding="UTF-8"?>\n<a/>\n')
    expect(xmlDocument(['a', []])).toBe('<?xml version="1.0" encoding="UTF-8"?>\n<a/>\n')
  })
})

type Written = readonly [name: string, content: string | readonly Written[]]

function read([name, content]: Written): unknown {
  if (typeof content === 'string') return { name, text: withoutForbidden(content), children: [] }
  return { name, text: '', children: content.map(read) }
}

describe('the reader of these tests', () => {
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n'
  test.each([
    '',
    '<a/>',
    head,
    `${head}<a>`,
    `${head}</a>`,
    `${head}<a></b>`,
    `${head}<a><b></a></b>`,
    `${head}<a/><a/>`,
    `${head}<a/>x`,
    `${head}<a b="c"/>`,
    `${head}<a>x<b/></a>`,
    `${head}<a>&</a>`,
    `${head}<a>&x;</a>`,
    `${head}<a>&constructor;</a>`,
    `${head}<a>&amp</a>`,
    `${head}<a>&#0;</a>`,
    `${head}<a>&#xd800;</a>`,
    `${head}<a>&#xfffe;</a>`,
    `${head}<a>]]></a>`,
    `${head}<a>\0</a>`,
    `${head}<a>\ud800</a>`,
    `${head}<a>\ufffe</a>`,
    `${head}<a><</a>`,
    `${head}<!-- x --><a/>`,
    `${head}<a><![CDATA[x]]></a>`,
    `${head}<!DOCTYPE a><a/>`,
    `${head}<1/>`,
    `${head}<a/ >`,
    `${head}< a/>`,
  ])('takes no %j', (document) => {
    expect(() => parseXml(document)).toThrow()
  })

  test('reads what a parser reads', () => {
    expect(parseXml(`${head}<a>\n  <b>1 &lt; 2 &amp;amp; &#65;&#x42;\r\n&#13;></b>\n  <c/>\n</a>\n`)).toEqual(
      {
        ...{ name: 'a', text: '' },
        children: [
          { name: 'b', text: '1 < 2 &amp; AB\n\r>', children: [] },
          { name: 'c', text: '', children: [] },
        ],
      },
    )
  })
})

describe("any text in a card's name", () => {
  let mor: Mor
  let card: Card
  beforeAll(async () => {
    mor = await openMor()
    card = await mor.card('1111111119', { pin: '2668' })
  })
  afterAll(() => mor.door.close())
  let real: { cardsMatching: Mor['door']['ctx']['store']['cardsMatching'] }
  beforeAll(() => {
    real = { ...mor.door.ctx.store }
  })
  beforeEach(() => {
    Object.assign(mor.door.ctx.store, { cardsMatching: real.cardsMatching })
  })

  const found = (name: string) => ({
    ...{ card_id: String(card.id), card_number: '1111111119', card_name: name, card_pin: '2668' },
    ...{ card_batch_number: '', card_callerid: '', card_balance: '0.0', card_minimal_balance: '0.0' },
    ...{ card_first_use: '', card_daily_charge_paid_till: '', card_sold: '0', card_language: 'en' },
  })

  async function expectReadBack(name: string): Promise<void> {
    // Whatever a store may come to hold, an import of another database say.
    mor.door.ctx.store.cardsMatching = () => Promise.resolve([{ ...card, name }])
    const answer = await mor.ask('calling_cards_get')
    expect(cardsIn(answer)).toEqual([found(withoutForbidden(name))])
  }

  test.each(HOSTILE.map((text) => [text.slice(0, 40), text]))('%j', async (_name, text) => {
    await expectReadBack(text)
  })

  test('generated', async () => {
    await fc.assert(fc.asyncProperty(anyText, expectReadBack), { numRuns: 300 })
  })

  test('that a client has written is read back as it is, by name too', async () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
    const property = fc.asyncProperty(
      fc.oneof(text, fc.constantFrom(...HOSTILE.slice(0, 10))),
      async (name) => {
        fc.pre(name.trim() !== '' && name.length <= 255)
        const sent = { u: 'admin', card_id: String(card.id), name }
        const hash = hashFor('calling_card_update', sent)
        const headers = { 'Content-Type': 'application/json' }
        const body = JSON.stringify({ ...sent, hash })
        expect((await mor.send('/api/calling_card_update', { body, headers })).text).toContain('<success>')
        expect(cardsIn(await mor.ask('calling_cards_get', { name }))).toEqual([found(name)])
      },
    )
    await fc.assert(property, { numRuns: 200 })
  })
})
