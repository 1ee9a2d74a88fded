import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { Refusal } from './errors.ts'
import { jsonFault } from './fault.ts'

/** Teaches the server one kind of body: JSON in UTF-8. An empty body is no body. */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  // It refuses `__proto__` and `constructor.prototype` keys, which could change objects they are merged into.
  const parse = app.getDefaultJsonParser('error', 'error')
  const types = /^application\/(?:[\w.+-]+\+)?json(?:\s*;|$)/
  app.addContentTypeParser(types, { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    if (bytes.length === 0) return done(null, undefined)
    // Decoding would quietly replace what is not UTF-8, and the service would store something nobody sent.
    if (!isUtf8(bytes)) return done(new Refusal('MALFORMED_JSON', 'Cannot read the body: it is not UTF-8'), undefined)
    const text = bytes.toString()
    void parse(request, text, (error, body) => {
      if (error) done(new Refusal('MALFORMED_JSON', `Cannot read the body as JSON: ${jsonFault(text)}`), undefined)
      else done(null, body)
    })
  })
}
