/** A real S3 server to test against. */
export interface S3Server {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface StartedS3Server extends S3Server {
  /** What was used, for the report of the run. */
  readonly how: string;
  stop(): Promise<void>;
}

export function s3FromEnvironment(): S3Server | undefined;
export function s3Environment(server: S3Server): Record<string, string>;
export function startMinio(): Promise<StartedS3Server | undefined>;
