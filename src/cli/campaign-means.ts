import { InvalidArgumentError, Option, type Command } from 'commander'
import { type ContentType, LONGEST_URL, type Means } from '../engine/campaigns.ts'
import {
  type HeaderFault,
  headersFault,
  MOST_HEADER_BYTES,
  MOST_HEADERS,
  type SentHeaders,
} from '../engine/sent-headers.ts'
import { DEFAULT_BODY, isTemplate } from '../engine/sent-texts.ts'
import { NONE } from './card-options.ts'

/** As options name them. */
const TYPES = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  text: 'text/plain',
} as const satisfies Record<string, ContentType>

/** What commander makes of the options below. */
export type MeansOptions = {
  deliver?: Means['kind']
  url?: string
  contentType?: keyof typeof TYPES
  body?: string
  /** Each as it was keyed. */
  header?: string[]
}

/** How a campaign sends its PINs. */
export function addMeansOptions(command: Command): void {
  command
    .addOption(
      new Option('--deliver <how>', 'call: Asterisk calls and says it; webhook: a gateway is asked').choices([
        'call',
        'webhook',
      ]),
    )
    .option('--url <url>', 'webhook: where the gateway is', address)
    .addOption(
      new Option('--content-type <type>', 'webhook: of the body; json unless named').choices(
        Object.keys(TYPES),
      ),
    )
    .option(
      '--body <template>',
      'webhook: with {{pin}}, and {{msisdn}}, {{campaign}}, {{service}}, {{reference}} where wanted',
    )
    .option(
      '--header <line>',
      `webhook: 'Name: value', such as the gateway's key; once for each, all of them anew; ${NONE}: no more`,
      // Judged later, for what commander refuses it prints, and this may be a password.
      (value, before: string[] | undefined) => [...(before ?? []), value],
    )
}

function address(value: string): string {
  if (value.includes('{{'))
    throw new InvalidArgumentError('Expected an address as it is: only the body is filled in.')
  // What is not plain ASCII grows.
  if ((URL.parse(value)?.href ?? value).length <= LONGEST_URL) return value
  throw new InvalidArgumentError(`Expected at most ${LONGEST_URL} characters.`)
}

/**
 * What options name, on top of what there was; undefined when they name nothing. Ends the command where they contradict each other
 * or that.
 */
export function meansFrom(
  options: MeansOptions,
  old: Means | undefined,
  command: Command,
): Means | undefined {
  const { deliver = old?.kind ?? 'call', url, contentType, body, header } = options
  const ofWebhook = [url, contentType, body, header].some((one) => one !== undefined)
  if (deliver === 'call') {
    if (ofWebhook)
      command.error(
        'error: --url, --content-type, --body and --header are of use with --deliver webhook only',
      )
    return options.deliver && { kind: 'call' }
  }
  if (options.deliver === undefined && !ofWebhook) return undefined
  const before = old?.kind === 'webhook' ? old : undefined
  if (contentType !== undefined && contentType !== 'json' && body === undefined)
    command.error(`error: option '--body <template>' is needed with --content-type ${contentType}`)
  const means = {
    kind: 'webhook' as const,
    url: url === undefined ? before?.url : URL.parse(url)?.href,
    contentType: contentType === undefined ? (before?.contentType ?? TYPES.json) : TYPES[contentType],
    body: body ?? before?.body ?? DEFAULT_BODY,
    headers: header === undefined ? (before?.headers ?? {}) : headersFrom(header, command),
  }
  if (means.url === undefined)
    return command.error("error: option '--url <url>' is needed with --deliver webhook")
  if (!isTemplate(means)) command.error(`error: option '--body <template>' is refused. ${expected(means)}`)
  return { ...means, url: means.url }
}

const FORMS: Record<ContentType, string> = {
  'application/json': 'JSON with {{pin}} in one of its values',
  'application/x-www-form-urlencoded':
    'name=value&name=value, percent-encoded, with {{pin}} in one of the values',
  'text/plain': 'text with {{pin}} in it',
}

function expected({ contentType }: { contentType: ContentType }): string {
  const others = 'and no other places than {{msisdn}}, {{campaign}}, {{service}} and {{reference}}'
  return `Expected ${FORMS[contentType]}, ${others}, at most 4096 characters.`
}

/** Lines as they were keyed -> headers. Ends the command at what cannot be sent, and quotes no value. */
function headersFrom(lines: string[], command: Command): SentHeaders {
  const refuse = (why: string) => command.error(`error: option '--header <line>' is refused. ${why}`)
  if (lines.length === 1 && lines[0] === NONE) return {}
  const found = new Map<string, string>()
  for (const line of lines) {
    const [, name, value = ''] = /^([^:]*):[ \t]*(.*?)[ \t]*$/s.exec(line) ?? []
    if (name === undefined) return refuse(`Expected 'Name: value', or ${NONE} alone.`)
    const lower = name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
    if (found.has(lower)) return refuse('Expected each name once, whatever its case.')
    found.set(lower, value)
  }
  const headers = Object.fromEntries(found)
  const wrong = headersFault(headers)
  return wrong ? refuse(inWords(wrong)) : headers
}

function inWords(wrong: HeaderFault): string {
  switch (wrong.fault) {
    case 'name':
      return 'Expected a name of letters, digits and hyphens before the colon.'
    case 'ours':
      return `${wrong.name} is not for a campaign to say: pinbridge sends it, or it is about the connection.`
    case 'value':
      return `Expected some printable ASCII, without {{, as ${wrong.name}: only the body is filled in.`
    case 'count':
      return `Expected at most ${MOST_HEADERS} headers.`
    case 'size':
      return `Expected at most ${MOST_HEADER_BYTES} characters in all headers together.`
  }
}
