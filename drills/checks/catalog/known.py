"""The system catalogs of PostgreSQL 14 to 18 with their columns, and the kinds that a letter in one of them stands for.

What a newer version has beside these nobody here has read about; drills/checks/catalog/unknown.py lists it. The list is
what pg_class and pg_attribute of PostgreSQL 15 to 18 say of `pg_catalog`; 14 has `datlastsysoid` beside it. Source:
https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations

NEWEST = 18
_CATALOGS = """
pg_aggregate: aggfnoid aggkind aggnumdirectargs aggtransfn aggfinalfn aggcombinefn aggserialfn aggdeserialfn
    aggmtransfn aggminvtransfn aggmfinalfn aggfinalextra aggmfinalextra aggfinalmodify aggmfinalmodify aggsortop
    aggtranstype aggtransspace aggmtranstype aggmtransspace agginitval aggminitval
pg_am: oid amname amhandler amtype
pg_amop: oid amopfamily amoplefttype amoprighttype amopstrategy amoppurpose amopopr amopmethod amopsortfamily
pg_amproc: oid amprocfamily amproclefttype amprocrighttype amprocnum amproc
pg_attrdef: oid adrelid adnum adbin
pg_attribute: attrelid attname atttypid attstattarget attlen attnum attndims attcacheoff atttypmod attbyval attalign
    attstorage attcompression attnotnull atthasdef atthasmissing attidentity attgenerated attisdropped attislocal
    attinhcount attcollation attacl attoptions attfdwoptions attmissingval
pg_auth_members: roleid member grantor admin_option oid inherit_option set_option
pg_authid: oid rolname rolsuper rolinherit rolcreaterole rolcreatedb rolcanlogin rolreplication rolbypassrls
    rolconnlimit rolpassword rolvaliduntil
pg_cast: oid castsource casttarget castfunc castcontext castmethod
pg_class: oid relname relnamespace reltype reloftype relowner relam relfilenode reltablespace relpages reltuples
    relallvisible reltoastrelid relhasindex relisshared relpersistence relkind relnatts relchecks relhasrules
    relhastriggers relhassubclass relrowsecurity relforcerowsecurity relispopulated relreplident relispartition
    relrewrite relfrozenxid relminmxid relacl reloptions relpartbound relallfrozen
pg_collation: oid collname collnamespace collowner collprovider collisdeterministic collencoding collcollate collctype
    colliculocale collversion colllocale collicurules
pg_constraint: oid conname connamespace contype condeferrable condeferred convalidated conrelid contypid conindid
    conparentid confrelid confupdtype confdeltype confmatchtype conislocal coninhcount connoinherit conkey confkey
    conpfeqop conppeqop conffeqop confdelsetcols conexclop conbin conenforced conperiod
pg_conversion: oid conname connamespace conowner conforencoding contoencoding conproc condefault
pg_database: oid datname datdba encoding datlocprovider datistemplate datallowconn datconnlimit datfrozenxid
    datminmxid dattablespace datcollate datctype daticulocale datcollversion datacl dathasloginevt datlocale
    daticurules datlastsysoid
pg_db_role_setting: setdatabase setrole setconfig
pg_default_acl: oid defaclrole defaclnamespace defaclobjtype defaclacl
pg_depend: classid objid objsubid refclassid refobjid refobjsubid deptype
pg_description: objoid classoid objsubid description
pg_enum: oid enumtypid enumsortorder enumlabel
pg_event_trigger: oid evtname evtevent evtowner evtfoid evtenabled evttags
pg_extension: oid extname extowner extnamespace extrelocatable extversion extconfig extcondition
pg_foreign_data_wrapper: oid fdwname fdwowner fdwhandler fdwvalidator fdwacl fdwoptions
pg_foreign_server: oid srvname srvowner srvfdw srvtype srvversion srvacl srvoptions
pg_foreign_table: ftrelid ftserver ftoptions
pg_index: indexrelid indrelid indnatts indnkeyatts indisunique indnullsnotdistinct indisprimary indisexclusion
    indimmediate indisclustered indisvalid indcheckxmin indisready indislive indisreplident indkey indcollation
    indclass indoption indexprs indpred
pg_inherits: inhrelid inhparent inhseqno inhdetachpending
pg_init_privs: objoid classoid objsubid privtype initprivs
pg_language: oid lanname lanowner lanispl lanpltrusted lanplcallfoid laninline lanvalidator lanacl
pg_largeobject: loid pageno data
pg_largeobject_metadata: oid lomowner lomacl
pg_namespace: oid nspname nspowner nspacl
pg_opclass: oid opcmethod opcname opcnamespace opcowner opcfamily opcintype opcdefault opckeytype
pg_operator: oid oprname oprnamespace oprowner oprkind oprcanmerge oprcanhash oprleft oprright oprresult oprcom
    oprnegate oprcode oprrest oprjoin
pg_opfamily: oid opfmethod opfname opfnamespace opfowner
pg_parameter_acl: oid parname paracl
pg_partitioned_table: partrelid partstrat partnatts partdefid partattrs partclass partcollation partexprs
pg_policy: oid polname polrelid polcmd polpermissive polroles polqual polwithcheck
pg_proc: oid proname pronamespace proowner prolang procost prorows provariadic prosupport prokind prosecdef
    proleakproof proisstrict proretset provolatile proparallel pronargs pronargdefaults prorettype proargtypes
    proallargtypes proargmodes proargnames proargdefaults protrftypes prosrc probin prosqlbody proconfig proacl
pg_publication: oid pubname pubowner puballtables pubinsert pubupdate pubdelete pubtruncate pubviaroot pubgencols
pg_publication_namespace: oid pnpubid pnnspid
pg_publication_rel: oid prpubid prrelid prqual prattrs
pg_range: rngtypid rngsubtype rngmultitypid rngcollation rngsubopc rngcanonical rngsubdiff
pg_replication_origin: roident roname
pg_rewrite: oid rulename ev_class ev_type ev_enabled is_instead ev_qual ev_action
pg_seclabel: objoid classoid objsubid provider label
pg_sequence: seqrelid seqtypid seqstart seqincrement seqmax seqmin seqcache seqcycle
pg_shdepend: dbid classid objid objsubid refclassid refobjid deptype
pg_shdescription: objoid classoid description
pg_shseclabel: objoid classoid provider label
pg_statistic: starelid staattnum stainherit stanullfrac stawidth stadistinct stakind1 stakind2 stakind3 stakind4
    stakind5 staop1 staop2 staop3 staop4 staop5 stacoll1 stacoll2 stacoll3 stacoll4 stacoll5 stanumbers1 stanumbers2
    stanumbers3 stanumbers4 stanumbers5 stavalues1 stavalues2 stavalues3 stavalues4 stavalues5
pg_statistic_ext: oid stxrelid stxname stxnamespace stxowner stxstattarget stxkeys stxkind stxexprs
pg_statistic_ext_data: stxoid stxdinherit stxdndistinct stxddependencies stxdmcv stxdexpr
pg_subscription: oid subdbid subskiplsn subname subowner subenabled subbinary substream subtwophasestate
    subdisableonerr subconninfo subslotname subsynccommit subpublications subpasswordrequired subrunasowner
    subfailover suborigin
pg_subscription_rel: srsubid srrelid srsubstate srsublsn
pg_tablespace: oid spcname spcowner spcacl spcoptions
pg_transform: oid trftype trflang trffromsql trftosql
pg_trigger: oid tgrelid tgparentid tgname tgfoid tgtype tgenabled tgisinternal tgconstrrelid tgconstrindid
    tgconstraint tgdeferrable tginitdeferred tgnargs tgattr tgargs tgqual tgoldtable tgnewtable
pg_ts_config: oid cfgname cfgnamespace cfgowner cfgparser
pg_ts_config_map: mapcfg maptokentype mapseqno mapdict
pg_ts_dict: oid dictname dictnamespace dictowner dicttemplate dictinitoption
pg_ts_parser: oid prsname prsnamespace prsstart prstoken prsend prsheadline prslextype
pg_ts_template: oid tmplname tmplnamespace tmplinit tmpllexize
pg_type: oid typname typnamespace typowner typlen typbyval typtype typcategory typispreferred typisdefined typdelim
    typrelid typsubscript typelem typarray typinput typoutput typreceive typsend typmodin typmodout typanalyze
    typalign typstorage typnotnull typbasetype typtypmod typndims typcollation typdefaultbin typdefault typacl
pg_user_mapping: oid umuser umserver umoptions
"""
COLUMNS = {
    name: frozenset(columns.split())
    for name, _, columns in (line.partition(":") for line in _CATALOGS.replace("\n    ", " ").strip().splitlines())
}
"""Catalog and its columns."""
KINDS = {
    ("pg_class", "relkind"): "rpvmfSiItc",
    ("pg_class", "relpersistence"): "put",
    ("pg_constraint", "contype"): "cfpuxnt",
    ("pg_proc", "prokind"): "fpaw",
    ("pg_type", "typtype"): "bcdeprm",
    ("pg_am", "amtype"): "it",
    ("pg_collation", "collprovider"): "dcib",
    ("pg_default_acl", "defaclobjtype"): "rSfTnL",
    ("pg_policy", "polcmd"): "rawd*",
    ("pg_trigger", "tgenabled"): "ODRA",
    ("pg_event_trigger", "evtenabled"): "ODRA",
}
"""Catalog and column, and the letters that the other modules know."""
