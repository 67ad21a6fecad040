import * as z from 'zod'
import { CODES } from './answers.ts'
import type { ModuleName } from './schema.ts'

const comma = (decimals: number) =>
  z
    .string()
    .regex(new RegExp(`^\\d+,\\d{${decimals}}$`))
    .meta({ examples: [(18.4).toFixed(decimals).replace('.', ',')] })
const point = z
  .string()
  .regex(/^\d+\.\d{2}$/)
  .meta({ examples: ['0.02'] })
const money = z
  .string()
  .regex(/^\d+,\d{2} [A-Z]{3}$/)
  .meta({ examples: ['0,10 EUR'] })
const digits = z.string().regex(/^\d*$/)
const text = z.string()
const international = z
  .string()
  .regex(/^(?:00\d+)?$/)
  .meta({ examples: ['0049179123456'] })
const seconds = z.string().regex(/^\d+$/)
const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/)
  .meta({ description: 'In the time zone of the account.', examples: ['2014-02-14 15:40:00'] })

const user = {
  customernumber: digits.meta({ description: 'Blank, as the next two, for a login that is for no card.' }),
  accountnumber: digits,
  username: text,
  customercurrency: z.string().regex(/^[a-z]{3}$/),
  customeraccountstate: z.union([comma(2), z.literal('')]),
}

const card = z.object({
  Kunde: text,
  CLI: text,
  Amount: money.meta({ description: 'What `insert` has booked; of the other acts the balance.' }),
  AmountAll: money.meta({ description: 'The balance.' }),
  fldSerial: digits,
  fldPIN: digits,
  active: z
    .union([z.literal(1), z.literal('')])
    .meta({ description: 'Blank when it cannot be called with now.' }),
})

const flag = z.enum(['true', 'false'])
const line = z.object({
  type: z.literal('SIP'),
  username: text,
  password: text.meta({ description: 'In base64.' }),
  ip: text.meta({ examples: ['203.0.113.5:5060'] }),
  ...{ domain: text, stun_server: text, proxy: text, prefix: text },
  ...{ transport_tls: flag, transport_tcp: flag, transport_udp: flag, transport_use_standard_ports: flag },
  ...{ forbid_self_call: flag, echo_cancellation: flag, escape_plus: flag, enable_outbound_proxy: flag },
  ...{ wifi_only: flag, unknown_incoming_call_name: text },
  ...{ codec_speex16: flag, codec_speex8: flag, codec_ilbc: flag },
})

const callshopRecord = z.object({
  data: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.000$/)
    .meta({ description: 'When it was answered.' }),
  ...{ caller: international, callee: international },
  ...{ duration: seconds, billingduration: seconds },
  comment: text.meta({ description: 'The destination.' }),
  ...{ amount: comma(4), amounttax: comma(4) },
})

const heading = (name: string) => z.literal(name)
const table = z.object({
  caption: z.literal('Call detail records'),
  thead: z.object({
    ...{ datestart: heading('datestart'), dateend: heading('dateend'), time: heading('time') },
    ...{
      customername: heading('customername'),
      number: heading('number'),
      destination: heading('destination'),
    },
    ...{ amount: heading('amount'), amounttax: heading('amounttax'), type: heading('type') },
  }),
  tbody: z.object({
    tr: z.object({
      td: z.array(
        z.object({
          ...{ datestart: instant, dateend: instant },
          time: z.string().regex(/^\d{2,}:\d{2}:\d{2}$/),
          ...{ customername: text, number: international, destination: text },
          ...{ amount: point, amounttax: point },
          type: z.enum(['VOIP', 'CALLTHROUGH', 'CALLBACK']),
        }),
      ),
    }),
  }),
  tfoot: z.literal(''),
})

const callId = z
  .string()
  .regex(/^[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$/)
  .meta({ examples: ['4AF46744-C346-44FF-80E3-33D89FBE963B'] })

/** The `body` of each module's answer; `optional`: it is missing when there is nothing. */
const BODIES: Record<ModuleName, z.ZodType> = {
  'mycard-v2': card,
  'number-check': z.object({ completenumber: digits, prefix: digits, number: digits, name: text }),
  account: z.object({
    accounts: z
      .array(
        z.object({
          ...{ customername: text, customernumber: digits, accountnumber: digits },
          amount: comma(4),
          accountname: text,
        }),
      )
      .length(1),
  }),
  'cdr-callshop': z.union([z.object({ cdrs: z.array(callshopRecord).min(1) }), z.array(z.never()).length(0)]),
  cdrs: z.object({ table, ...user }).optional(),
  topup: z.object({ amount: comma(2).meta({ description: 'What was on the voucher.' }), ...user }),
  voiplist: z.object({
    voiplist: z.record(z.string().regex(/^sip_\d+$/), line),
    ...user,
  }),
  rates: z.object({
    currency: z.string().regex(/^[A-Z]{3}$/),
    rates: z
      .array(
        z.array(
          z.object({
            number: text,
            destinationname: text,
            price: z
              .string()
              .regex(/^\d+,\d{2,6}$/)
              .meta({ description: 'A minute.', examples: ['0,10'] }),
            prefix: international,
          }),
        ),
      )
      .length(1),
  }),
  webcallback: z.union([
    z.object({ callId, firstownnumber: z.null(), destinationnumber: z.null(), ...user }),
    z.object({
      callId,
      firstownnumber: international,
      destinationnumber: international,
      state: z.enum(['waiting', 'ringing_a', 'ringing_b', 'talking', 'ended']),
      outcome: text.nullable().meta({ description: 'How it ended; null before.' }),
      ...user,
    }),
  ]),
}

const { 200: ok, ...faults } = CODES

/** The answer of a module that has done what was asked. */
export function grantedAnswer(module: ModuleName): z.ZodType {
  const codes = z.array(z.object({ code: z.literal(200), description: z.literal(ok) })).length(1)
  return z.object({ error: z.literal(false), codes, body: BODIES[module] })
}

const code = z.union(Object.keys(faults).map((one) => z.literal(Number(one))))
const what = text.meta({ description: 'What is wrong, for people.' })

/** The answer of every module that has not. */
export const refusedAnswer = z
  .object({
    error: z.literal(true),
    codes: z.array(z.object({ code, description: what })).length(1),
    body: z.array(z.never()).length(0),
  })
  .meta({
    id: 'Refused',
    description: Object.entries(faults)
      .map((one) => one.join(': '))
      .join('\n\n'),
  })
