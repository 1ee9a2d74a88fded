/** Megabytes of each half of a process's young generation. */
const HALF = 8
const OPTION = /--(max|min)[-_]semi[-_]space[-_]size/

/**
 * The options of this process for those that it starts, which share the machine's memory: where Node would let the young
 * generation of each grow to 64 MB, they keep to 16, unless somebody has said how large it is to be. A process with a
 * part of the load collects it no more often than one with all of it would; with 8 MB, pauses began to show.
 */
export function nodeOptions(own: readonly string[], env: string = ''): readonly string[] {
  return [...own, env].some((one) => OPTION.test(one)) ? own : [...own, `--max-semi-space-size=${HALF}`]
}
