/**
 * Contract tests: what a consumer uses of a provider is written as a pact, providers are verified by the pacts of all who use them, and whether a version
 * may go where others run is a function of what these left behind.
 */
export {
  interaction,
  type AnswerFault,
  type ConsumerInteraction,
  type Given,
  type InteractionOptions,
  type State,
} from './interaction.ts'
export { consumerTest, type ConsumerTest, type ConsumerTestOptions } from './consumer.ts'
export {
  describeVerification,
  verifyContracts,
  type Mismatch,
  type ProviderAt,
  type StateContext,
  type Verification,
  type VerifiedInteraction,
  type VerifyOptions,
} from './verify.ts'
export { PactError } from '../pact/pact.ts'
export { canIDeploy, changedMigrations, describeJudgement, type Judgement, type Question, type Reason } from './can-i-deploy.ts'
export {
  keepDeployment,
  keepPacts,
  keepRelease,
  keepVerification,
  readFacts,
  readVerification,
  releaseOf,
  type Facts,
  type Release,
} from './facts.ts'
