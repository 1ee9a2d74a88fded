/** What parts of the contract have in common. */
import { z } from 'zod'

/** A name that may stand in a URL, a header and a line of a log. */
export const Name: z.ZodString = z.string().regex(/^[a-z][a-z0-9.-]{0,62}$/)
export const Id: z.ZodString = z.string().min(1).max(64)
/** What people read: no control characters, so that it is one line wherever it is shown. */
export const Line: z.ZodString = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\P{Cc}*$/u)
/** What people write: lines and tabulators, and no other control characters. */
export const Text: z.ZodString = z
  .string()
  .min(1)
  .max(4_000)
  .regex(/^(?:\P{Cc}|[\n\r\t])*$/u)
export const Count: z.ZodInt = z.int().min(0)
/** Milliseconds since the epoch. */
export const Moment: z.ZodInt = z.int().min(0)

export const access = 'authenticated'
