import { createHash } from 'node:crypto'

/** Whoever has salt and value can show that they belong to a line; nobody can find the value from the hash alone. */
export function commitment(salt: string, value: string): string {
  return createHash('sha256').update(Buffer.from(salt, 'hex')).update(value).digest('hex')
}
