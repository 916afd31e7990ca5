/** A question to the data, and the SQL that answers it. */
export interface Question {
  readonly title: string;
  readonly sql: string;
}

export const QUESTIONS: readonly Question[] = [
  {
    title: 'How late are the flights?',
    sql: `SELECT count(*) AS flights, round(avg(delay), 2) AS mean_delay, max(delay) AS worst_delay,
       round(100.0 * count(*) FILTER (WHERE delay > 15) / count(*), 2) AS percent_late
FROM flights`,
  },
  {
    title: 'At what time of the day are they late?',
    sql: `SELECT CAST(3 * floor(time / 3) AS INTEGER) AS from_hour, count(*) AS flights,
       round(avg(delay), 2) AS mean_delay, quantile_disc(delay, 0.95) AS p95_delay
FROM flights GROUP BY from_hour ORDER BY from_hour`,
  },
  {
    title: 'Do long flights make up for a late start?',
    sql: `SELECT CASE WHEN distance < 500 THEN '1: below 500 miles'
            WHEN distance < 1500 THEN '2: below 1500 miles'
            ELSE '3: longer' END AS flight,
       count(*) AS flights, round(avg(delay), 2) AS mean_delay
FROM flights GROUP BY flight ORDER BY flight`,
  },
  {
    title: 'Which were the worst?',
    sql: `SELECT delay, distance, round(time, 2) AS hour
FROM flights ORDER BY delay DESC, distance, hour LIMIT 5`,
  },
  {
    title: 'Which GitHub events are there most payloads of?',
    sql: `SELECT event, count(*) AS payloads, count(DISTINCT action) AS actions
FROM webhooks GROUP BY event ORDER BY payloads DESC, event LIMIT 6`,
  },
  {
    title: 'Which repositories do these payloads speak of? (a look inside the json column)',
    sql: `SELECT payload->>'$.repository.full_name' AS repository, count(*) AS payloads,
       count(DISTINCT payload->>'$.sender.login') AS senders
FROM webhooks WHERE payload->>'$.repository.full_name' IS NOT NULL
GROUP BY repository ORDER BY payloads DESC, repository LIMIT 6`,
  },
];
