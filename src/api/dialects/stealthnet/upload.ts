import type { Request } from 'express'
import { Refusal } from '../../../engine/errors.ts'
import { type ImportReport, importPins } from '../../../engine/pin-import.ts'
import { letTakeLong } from '../../bodies.ts'
import { BadRequest } from '../../fields.ts'
import type { Asked } from './answers.ts'
import { pinLines } from './pin-lines.ts'
import { MEDIA_TYPES, recordsOf } from './records.ts'
import type { Sent } from './schema.ts'

const MAX_BYTES = 64 * 1024 * 1024

/**
 * Writes the PINs of a CSV body: what `download-db` gives can be sent again unchanged. Throws BadRequest or Refusal 'too_many'
 * for more than there may be.
 */
export async function upload(asked: Asked, sent: Sent<'upload-pins'>): Promise<void> {
  const { ctx, account, limits, req, res } = asked
  if (Number(req.headers['content-length'] ?? 0) > MAX_BYTES) throw new BadRequest('the body is too large')
  letTakeLong(res)
  const list = pinLines(bodyOf(req), {
    db: sent.db,
    timeZone: account.settings.timeZone,
    onLine: (line) => {
      if (line > limits.range) throw new Refusal('too_many', 'the last line')
    },
  })
  try {
    answer(asked, sent, await importPins(ctx, account, sent.db, list, sent['dry-run'] === 'yes'))
  } catch (error) {
    // A client who left in the middle is nobody to answer.
    if (!req.readableAborted) throw error
  }
}

async function* bodyOf(req: Request): AsyncGenerator<Uint8Array> {
  let bytes = 0
  // The request lives on when we stop reading: it is still to be answered.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw new BadRequest('the body is too large')
    yield chunk
  }
}

/** What happened, how often or in which line, and what is wrong there. */
function answer({ res }: Asked, { output }: Sent<'upload-pins'>, report: ImportReport): void {
  res.status(200).set('Content-Type', MEDIA_TYPES[output])
  if (output === 'json') return void res.end(`${JSON.stringify(report)}\n`)
  const { record } = recordsOf(output, [])
  const counts = (['created', 'changed', 'unchanged', 'refused'] as const).map((what) => [
    what,
    report[what],
    undefined,
  ])
  const lines = report.refusals.map(({ line, wrong }) => ['line', line, wrong])
  res.end([...counts, ...lines].map(record).join(''))
}
