/** What Dure's own rooms and packages share of `config`, and no promise to anybody else. */
export {
  inspectConfiguration,
  noConfiguration,
  openConfiguration,
  openKeys,
  type Configuration,
  type Inspected,
} from './configuration.ts'
export { problemText } from './errors.ts'
export { lastGoodFiles } from './files/last-good.ts'
export { releaseFile, type ReleaseFile } from './files/releases.ts'
export { partsOf } from './key.ts'
export type { Fleet, Looked, Member } from './fleet.ts'
export { createParticipant, type Participant, type Step, type Stepped } from './participant.ts'
export { afterEnd, currentOf, insteadOf, resumed, shown, type ConfigContent, type ReleaseState } from './release.ts'
export { createWaves, type Waves } from './waves.ts'
export type { Steered } from './steered.ts'
