import { ICU_COLLATIONS } from './collations.js';

const names = (text: string): string[] => text.trim().split(/\s+/);

/** Sessions, settings, sequences, plans, logs, sleeping, the catalog, and parts that the planner puts in itself. */
const SCALARS = names(`
  can_cast_implicitly cast_to_type combine constant_or_null create_sort_key current_catalog
  current_connection_id current_database current_query current_query_id current_role current_schema
  current_schemas current_setting current_transaction_id current_user currval finalize get_block_size
  get_type getvariable icu_sort_key in_search_path is_histogram_other_bin json_deserialize_sql
  json_serialize_plan json_serialize_sql make_type nextval normalized_interval parse_duckdb_log_message
  remap_struct replace_type session_user setseed sleep_ms stats switch timetz_byte_comparable
  txid_current unpivot_list user vector_type version write_log
`);

const PG_CATALOG = names(`
  col_description format_pg_type format_type has_any_column_privilege has_column_privilege
  has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege
  has_language_privilege has_schema_privilege has_sequence_privilege has_server_privilege
  has_table_privilege has_tablespace_privilege inet_client_addr inet_client_port inet_server_addr
  inet_server_port map_to_pg_oid obj_description pg_collation_is_visible pg_conf_load_time
  pg_conversion_is_visible pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_viewdef
  pg_has_role pg_is_other_temp_schema pg_my_temp_schema pg_opclass_is_visible pg_operator_is_visible
  pg_opfamily_is_visible pg_postmaster_start_time pg_size_pretty pg_sleep pg_table_is_visible
  pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
  pg_type_is_visible pg_typeof shobj_description
`);

/** Types that Tidemark does not store. */
const GEOMETRY_AND_VARIANT = names(`
  st_asbinary st_astext st_aswkb st_aswkt st_crs st_geomfromwkb st_intersects_extent st_setcrs
  variant_bytes_to_variant variant_extract variant_normalize variant_to_parquet_variant variant_typeof
`);

const INTERNAL = names(`
  __internal_compress_integral_ubigint __internal_compress_integral_uinteger
  __internal_compress_integral_usmallint __internal_compress_integral_utinyint
  __internal_compress_string_hugeint __internal_compress_string_ubigint
  __internal_compress_string_uhugeint __internal_compress_string_uinteger
  __internal_compress_string_usmallint __internal_compress_string_utinyint
  __internal_decompress_integral_bigint __internal_decompress_integral_hugeint
  __internal_decompress_integral_integer __internal_decompress_integral_smallint
  __internal_decompress_integral_ubigint __internal_decompress_integral_uhugeint
  __internal_decompress_integral_uinteger __internal_decompress_integral_usmallint
  __internal_decompress_string
`);

/** `COLLATE` does what these do. */
const COLLATION_FUNCTIONS = ICU_COLLATIONS.map((name) => `icu_collate_${name}`);

/** Files, catalogs, plans, logs, and SQL as text. */
const TABLE_FUNCTIONS = names(`
  arrow_scan arrow_scan_dumb check_peg_parser checkpoint disable_logging disable_peg_parser
  disable_profiling duckdb_approx_database_count duckdb_columns duckdb_connection_count
  duckdb_constraints duckdb_coordinate_systems duckdb_databases duckdb_dependencies duckdb_extensions
  duckdb_external_file_cache duckdb_functions duckdb_indexes duckdb_keywords duckdb_log_contexts
  duckdb_logs duckdb_logs_parsed duckdb_memory duckdb_optimizers duckdb_prepared_statements
  duckdb_profiling_settings duckdb_schemas duckdb_secret_types duckdb_secrets duckdb_sequences
  duckdb_settings duckdb_table_sample duckdb_tables duckdb_temporary_files duckdb_types duckdb_variables
  duckdb_views enable_logging enable_peg_parser enable_profiling force_checkpoint glob histogram
  histogram_values icu_calendar_names json_each json_execute_serialized_sql json_tree
  parquet_bloom_probe parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata
  parquet_scan parquet_schema pg_timezone_names pragma_collations pragma_database_size
  pragma_metadata_info pragma_platform pragma_show pragma_storage_info pragma_table_info
  pragma_user_agent pragma_version query query_table read_blob read_csv read_csv_auto read_duckdb
  read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson read_ndjson_auto
  read_ndjson_objects read_parquet read_text repeat repeat_row seq_scan sniff_csv sql_auto_complete
  summary test_all_types test_vector_types truncate_duckdb_logs which_secret
`);

const PRAGMAS = names(`
  add_parquet_key all_profiling_output collations copy_database database_list database_size
  disable_checkpoint_on_shutdown disable_object_cache disable_optimizer disable_print_progress_bar
  disable_profile disable_profiling disable_progress_bar disable_verification disable_verify_external
  disable_verify_fetch_row disable_verify_parallelism disable_verify_serializer
  enable_checkpoint_on_shutdown enable_object_cache enable_optimizer enable_print_progress_bar
  enable_profile enable_profiling enable_progress_bar enable_verification extension_versions
  force_checkpoint functions import_database json_execute_serialized_sql metadata_info platform show
  show_databases show_tables show_tables_expanded storage_info table_info user_agent verify_external
  verify_fetch_row verify_parallelism verify_serializer version
`);

/**
 * Functions of the pinned engine that were looked at and are refused, apart from those in FROM. The gate
 * does not read this list, it refuses whatever is not allowed; it is here so that a new one is noticed.
 */
export const DENIED_FUNCTIONS: ReadonlySet<string> = new Set([
  ...SCALARS,
  ...PG_CATALOG,
  ...GEOMETRY_AND_VARIANT,
  ...INTERNAL,
  ...COLLATION_FUNCTIONS,
]);

/** The same for functions that can stand in FROM or in PRAGMA. */
export const DENIED_TABLE_FUNCTIONS: ReadonlySet<string> = new Set([...TABLE_FUNCTIONS, ...PRAGMAS]);
