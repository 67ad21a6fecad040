'use strict'
// Jest transformer: Node's own type stripping. Columns and lines stay where they were, so no source map is needed.
const { createHash } = require('node:crypto')
const { stripTypeScriptTypes } = require('node:module')
module.exports = {
  process: (source) => ({ code: stripTypeScriptTypes(source, { mode: 'strip' }) }),
  getCacheKey: (source, file, { instrument }) =>
    createHash('sha256')
      .update([process.version, file, String(instrument), source].join('\0'))
      .digest('hex'),
}
