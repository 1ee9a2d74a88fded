import { confirm as ask, isCancel } from '@clack/prompts'

/** Asks a person at a terminal. */
export async function confirm(message: string): Promise<boolean> {
  const answer = await ask({ message, initialValue: false, output: process.stderr })
  return !isCancel(answer) && answer
}
