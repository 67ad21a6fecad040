import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Campaign, type ContentType, DEFAULT_CAMPAIGN } from '../../src/engine/campaigns.ts'
import type { BegunSending } from '../../src/engine/sendings.ts'
import { DEFAULT_BODY, isTemplate, referenceOf, textOf } from '../../src/engine/sent-texts.ts'

const JSON_TYPE = 'application/json'
const FORM = 'application/x-www-form-urlencoded'
const TEXT = 'text/plain'
const TYPES: ContentType[] = [JSON_TYPE, FORM, TEXT]

/** A PIN that is about to be sent in a campaign of these names. */
function begun({ name = 'News', service = '82777' }: Partial<Campaign> = {}): BegunSending {
  const ids = { accountId: 'acme', createdAt: 0 }
  const campaign: Campaign = { ...DEFAULT_CAMPAIGN, ...ids, id: 'campaign', name, service }
  const number = { campaignId: campaign.id, ...ids }
  return {
    digits: '904173',
    campaign,
    subscription: {
      ...{ ...number, id: 'id', msisdn: '+254700000000', state: 'pending_pin', pin: undefined },
      ...{ subscriber: {}, subscribedAt: undefined, unsubscribedAt: undefined },
    },
    sending: {
      ...{ ...number, id: 'sending', subscriptionId: 'id', to: '+254700000000', means: 'webhook' },
      ...{ state: 'trying', outcome: undefined, tries: 1, dueAt: 0, endedAt: undefined },
    },
  }
}

const filled = (contentType: ContentType, body: string, names: Partial<Campaign> = {}) =>
  textOf({ contentType, body }, begun(names))

const ALL = 'pin={{pin}}&to={{msisdn}}&name={{campaign}}&from={{service}}&ref={{reference}}'
/** A JSON document with a value of each kind of place. */
const OBJECT = '{"a":["{{pin}}"],"b":{"c":"x{{campaign}}y{{service}}"},"n":{{pin}},"r":"{{reference}}"}'

/** What is hostile somewhere. */
const HOSTILE = [
  '"',
  '\\',
  '\\"',
  '","to":"+900",\\"x":"',
  '&to=900&x=',
  '=',
  '%26to%3D900',
  '+',
  '#;?/',
  '{{pin}}',
  '{{msisdn}}{{campaign}}',
  '{{',
  '}}',
  '$&',
  "$'",
  '$1',
  '\u2028',
  '\u00e9\ud83d\udcf0',
  '__proto__',
  '</script>',
  "' or 1=1 --",
]

describe('a template', () => {
  test('is filled in with the PIN, the number without +, the names and the reference', () => {
    expect(filled(TEXT, ALL)).toBe('pin=904173&to=254700000000&name=News&from=82777&ref=AP:id')
    expect(filled(FORM, ALL)).toBe('pin=904173&to=254700000000&name=News&from=82777&ref=AP%3Aid')
    const said = { to: '254700000000', text: 'News: your code is 904173', reference: 'AP:id' }
    expect(JSON.parse(filled(JSON_TYPE, DEFAULT_BODY))).toEqual(said)
  })

  test.each(HOSTILE)('stays of its type with the name %j', (hostile) => {
    const names = { name: hostile, service: hostile }
    expect(JSON.parse(filled(JSON_TYPE, OBJECT, names))).toEqual({
      ...{ a: ['904173'], b: { c: `x${hostile}y${hostile}` }, n: 904_173, r: 'AP:id' },
    })
    const form = [...new URLSearchParams(filled(FORM, ALL, names))]
    const numbers = [
      ['pin', '904173'],
      ['to', '254700000000'],
    ]
    expect(form).toEqual([...numbers, ['name', hostile], ['from', hostile], ['ref', 'AP:id']])
    expect(filled(TEXT, '{{campaign}}|{{pin}}', names)).toBe(`${hostile}|904173`)
  })

  test('stays of its type whatever the name is', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 100 })
    fc.assert(
      fc.property(name, (hostile) => {
        const found = JSON.parse(filled(JSON_TYPE, OBJECT, { name: hostile })) as unknown
        expect(found).toMatchObject({ b: { c: `x${hostile}y82777` }, n: 904_173 })
        const form = new URLSearchParams(filled(FORM, ALL, { name: hostile }))
        expect(form.getAll('name')).toEqual([hostile])
        expect(form.size).toBe(5)
      }),
    )
  })
})

test('a subscription is known to gateways and clients by one reference', () => {
  expect(referenceOf('01a2')).toBe('AP:01a2')
  expect(filled(TEXT, '{{reference}}')).toBe(referenceOf('id'))
})

describe('what is a template', () => {
  test.each<[ContentType, string]>([
    [JSON_TYPE, DEFAULT_BODY],
    [JSON_TYPE, OBJECT],
    [JSON_TYPE, '"{{pin}}"'],
    [JSON_TYPE, '{"x":{"y":{"z":{{pin}}}}}'],
    [JSON_TYPE, '{"text":"a \\\\{{campaign}} {{{pin}}}"}'],
    [FORM, ALL],
    [FORM, 'text=Your+code%20is%3a{{pin}}&list[]=1&empty='],
    [TEXT, '{{pin}}'],
    [TEXT, 'To: {{msisdn}}\n\n{{campaign}}: {{pin}} { } }}'],
    [TEXT, `{{pin}}${'x'.repeat(4_089)}`],
  ])('%s: %s', (contentType, body) => {
    expect(isTemplate({ contentType, body })).toBe(true)
  })

  test.each(TYPES)('%s: not without a PIN, too long, or with a place that is none', (contentType) => {
    const whole = contentType === JSON_TYPE ? DEFAULT_BODY : ALL
    const isOne = (body: string) => isTemplate({ contentType, body })
    expect(isOne(whole)).toBe(true)
    expect(isOne(whole.replace('{{pin}}', '12345'))).toBe(false)
    expect(isOne(whole.replace('{{msisdn}}', '{{number}}'))).toBe(false)
    expect(isOne(whole.replace('{{msisdn}}', '{{constructor}}'))).toBe(false)
    expect(isOne(whole.replace('{{msisdn}}', '{{}}'))).toBe(false)
    expect(isOne(whole.replace('{{msisdn}}', '{{ msisdn }}'))).toBe(false)
    expect(isOne(whole.replace('{{msisdn}}', '{{msisdn}'))).toBe(false)
    expect(isOne(whole.replace('{{msisdn}}', 'x'.repeat(4_097)))).toBe(false)
    expect(isOne(whole.replace('{{msisdn}}', '\ud83d'))).toBe(false)
    expect(isOne('')).toBe(false)
  })

  test.each([
    '{{pin}} and more',
    '{"{{pin}}":"x"}',
    '{"pin":"{{pin}}","{{campaign}}":"x"}',
    '{"pin":"{{pin}}","name":{{campaign}}}',
    '{"pin":"{{pin}}","name":{{reference}}}',
    '{"pin":"{{pin}}","name":"\\{{campaign}}"}',
    '{"pin":"{{pin}}","name":"\\{{service}}"}',
    '{"pin":"\\{{pin}}"}',
    '{"pin":"\\u{{pin}}"}',
    '{"pin":"\\u123{{pin}}"}',
    '{"pin":0.{{pin}}}',
    '{"pin":"{{pin}}","pin":"x"}',
    '{"pin":"{{pin}}",}',
    "{'pin':'{{pin}}'}",
  ])('not as JSON: %s', (body) => {
    expect(isTemplate({ contentType: JSON_TYPE, body })).toBe(false)
  })

  test.each([
    '{{pin}}',
    'pin',
    '={{pin}}',
    '{{pin}}=x',
    'x{{campaign}}=x&pin={{pin}}',
    'pin={{pin}}&',
    'pin={{pin}}&&x=y',
    'pin={{pin}}&x',
    'pin={{pin}}&text=a b',
    'pin={{pin}}&text=a\nb',
    'pin={{pin}}&text=caf\u00e9',
    'pin={{pin}}&text=100%',
    'pin={{pin}}&text=%zz',
    'pin=%{{pin}}',
    'pin=%4{{pin}}',
  ])('not as a form: %s', (body) => {
    expect(isTemplate({ contentType: FORM, body })).toBe(false)
  })

  test('whatever is one is of its type when it is filled in, and says the PIN', () => {
    const parts = ['{', '}', '"', '\\', ':', ',', '[', ']', '%', '4', '&', '=', 'x', '1', 'e', 'u', '-', '.']
    const places = ['{{pin}}', '{{pin}}', '{{campaign}}', '{{service}}', '{{reference}}', '{{msisdn}}']
    const whole = ['"{{pin}}"', 'a={{pin}}', '"x":"{{campaign}}"', '{"x":']
    const body = fc.array(fc.constantFrom(...parts, ...places, ...whole), { maxLength: 12 })
    let ones = 0
    fc.assert(
      fc.property(body, fc.constantFrom(...HOSTILE), (some, hostile) => {
        const template = some.join('')
        const names = { name: hostile, service: hostile }
        if (isTemplate({ contentType: JSON_TYPE, body: template })) {
          ones++
          expect(JSON.stringify(JSON.parse(filled(JSON_TYPE, template, names)))).toContain('904173')
        }
        if (isTemplate({ contentType: FORM, body: template })) {
          ones++
          const form = new URLSearchParams(filled(FORM, template, names))
          expect([...form.values()].join(' ')).toContain('904173')
          expect(form.size).toBe(template.split('&').length)
        }
      }),
      { numRuns: 20_000 },
    )
    expect(ones).toBeGreaterThan(100)
  })
})
