/** Bodies of requests and answers in the access log, where a contract allows it. */
import type { AnyOperation, AnySchema } from 'dure/contract'
import { shown } from 'dure/contract/internal'
import { filter, type Filter, type GatewayAnswer, type RequestView } from '../filter.ts'
import type { MakeStage } from '../proxy/proxy.ts'
import { redactor } from './redacted.ts'

/** Bytes of an answer that are kept while it passes; of a longer one nothing is logged. */
const MOST = 65_536
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i

const made = new WeakMap<AnyOperation, Filter>()

/**
 * Has the bodies of an operation logged, without what its schemas mark: JSON that its service takes and gives, and no answer that tells of a failure. It stands
 * innermost, where bodies are not compressed.
 */
export function loggedBodies(operation: AnyOperation): Filter {
  const known = made.get(operation)
  if (known !== undefined) return known
  const [request, answer] = [reading(operation.input, 'input'), reading(operation.output, 'output')]
  const bodies = filter('bodies', {
    arrived: (view, copy) => {
      if (copy === undefined || !isPlainJson(view.header) || view.header('transfer-encoding') !== undefined) return
      ;(view as RequestView).requestBody = request(Buffer.concat(copy.body))
    },
    after: (given, view) => {
      if (given.own || given.status < 200 || given.status > 299 || !isPlainJson(given.header)) return
      given.through?.(keeping((bytes) => void ((view as RequestView).answerBody = answer(bytes))))
    },
  })
  made.set(operation, bodies)
  return bodies
}

function reading(schema: AnySchema | undefined, side: 'input' | 'output'): (bytes: Buffer) => unknown {
  if (schema === undefined) return () => undefined
  const redacted = redactor(shown(schema, side))
  return (bytes) => {
    try {
      return bytes.length === 0 ? undefined : redacted(JSON.parse(bytes.toString('utf8')))
    } catch {
      // No JSON: the service says so.
      return undefined
    }
  }
}

function isPlainJson(header: GatewayAnswer['header']): boolean {
  return JSON_TYPE.test(header('content-type') ?? '') && (header('content-encoding') ?? 'identity') === 'identity'
}

/** @param whole gets a body that has come to its end, if it was not too long */
const keeping =
  (whole: (bytes: Buffer) => void): MakeStage =>
  (out) => {
    let parts: Buffer[] | undefined = []
    let size = 0
    return {
      write: (bytes) => {
        size += bytes.length
        if (size > MOST) parts = undefined
        parts?.push(bytes)
        return out.write(bytes)
      },
      end: () => {
        if (parts !== undefined) whole(Buffer.concat(parts))
        out.end()
      },
      drained: out.ready,
      stop: () => {},
    }
  }
