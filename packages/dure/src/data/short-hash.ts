import { createHash } from 'node:crypto'

/** Letters and digits that are not taken for one another. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789'

/** A short name for a text, always the same, that people can read to each other. */
export function shortHash(text: string, length: number): string {
  const bytes = createHash('sha256').update(text).digest()
  return Array.from({ length }, (_, i) => ALPHABET[bytes[i]! % ALPHABET.length]!).join('')
}
