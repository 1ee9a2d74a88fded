import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { Refusal } from 'dure/door/internal'
import { jsonFault, jsonLoss } from './fault.ts'

/** Teaches the server one kind of body: JSON in UTF-8, as it is. An empty body is no body. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  // It refuses `__proto__` and `constructor.prototype` keys, which could change objects they are merged into.
  const parse = app.getDefaultJsonParser('error', 'error')
  const types = /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/
  app.addContentTypeParser(types, { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    if (bytes.length === 0) return done(null, undefined)
    const { 'content-encoding': encoding, 'content-type': type = '' } = request.headers
    if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
      return done(new Refusal('UNSUPPORTED_MEDIA_TYPE', `Cannot read a body encoded as "${encoding}"; send it uncompressed`))
    if (OTHER_CHARSET.test(type))
      return done(new Refusal('UNSUPPORTED_MEDIA_TYPE', `Cannot read a body of type "${type}"; send it in UTF-8`))
    // Decoding would quietly replace what is not UTF-8, and the service would store something nobody sent.
    if (!isUtf8(bytes)) return done(new Refusal('MALFORMED_JSON', 'Cannot read the body: it is not UTF-8'))
    const text = bytes.toString()
    void parse(request, text, (error, body) => {
      const fault = error ? `Cannot read the body as JSON: ${jsonFault(text)}` : jsonLoss(text, body)
      if (fault === undefined) done(null, body)
      else done(new Refusal('MALFORMED_JSON', fault))
    })
  })
}

const OTHER_CHARSET = /;\s*charset\s*=\s*(?!"?utf-?8"?\s*(?:;|$))/i
