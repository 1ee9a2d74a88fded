import { confirm, isCancel } from '@clack/prompts'

/** Asks a person at a terminal. */
export async function confirmed(message: string): Promise<boolean> {
  const answer = await confirm({ message, initialValue: false, output: process.stderr })
  return !isCancel(answer) && answer
}
