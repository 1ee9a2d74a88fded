import type { ArrayVariant, Type, Variant } from 'dure/contract/internal'
import { isExact } from './fault.ts'

/** Turns what a path or query holds (always text) into the JSON form of a field. */
export type Coercion = (text: string | readonly string[]) => unknown

/**
 * Compiles the way from text to JSON for one field. Text that does not fit is handed on as it is, so that
 * the contract's own validation is the one to refuse it. Lists are written by repeating the name: `?id=1&id=2`.
 */
export function coercion(types: readonly Type[]): Coercion {
  const variants = types.flatMap((type) => type.variants)
  const lists = variants.filter((variant): variant is ArrayVariant => variant.kind === 'array' || variant.kind === 'set')
  if (lists.length === 0) {
    const one = scalar(variants)
    return (text) => (typeof text === 'string' ? one(text) : text)
  }
  const each = scalar(lists.flatMap((list) => list.items?.variants ?? []))
  return (text) => (typeof text === 'string' ? [each(text)] : text.map(each))
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function scalar(variants: readonly Variant[]): (text: string) => unknown {
  const kinds = new Set(variants.map((variant) => variant.kind))
  // Text is text wherever text is welcome; dates, bigints and bytes have a text form of their own.
  if (['string', 'date', 'bigint', 'bytes'].some((kind) => kinds.has(kind as 'string'))) return (text) => text
  const numeric = kinds.has('number') || kinds.has('integer')
  const boolean = kinds.has('boolean')
  return (text) => {
    // One with more digits than a double keeps would arrive as another one.
    if (numeric && NUMBER.test(text) && isExact(text)) return Number(text)
    if (boolean && (text === 'true' || text === 'false')) return text === 'true'
    return text
  }
}
